import { setImmediate as nextTurn } from "node:timers/promises";

/** How long synchronous work goes on before everything else gets a turn, in milliseconds. */
const length = 5;

/**
 * Cuts long synchronous work into slices, and stops it on an abort. Synchronous calls on small files are several times as
 * fast as promises; in slices they leave the event loop to others often enough.
 */
export class TimeSlice {
  readonly #signal: AbortSignal | undefined;
  #end = performance.now() + length;

  constructor(signal?: AbortSignal) {
    this.#signal = signal;
  }

  /** Whether it is time to {@link rest}; cheaper than awaiting it. */
  get over(): boolean {
    return performance.now() > this.#end;
  }

  /** Lets other work have its turn when the slice is over. @throws the signal's reason */
  async rest(): Promise<void> {
    if (!this.over) return;
    await nextTurn();
    this.#signal?.throwIfAborted();
    this.#end = performance.now() + length;
  }
}
