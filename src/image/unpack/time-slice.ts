import { setImmediate } from "node:timers/promises";

const sliceMs = 5;

/**
 * Synchronous calls on small files are several times as fast as promises; in slices they leave the event loop to others
 * often enough.
 */
export class TimeSlice {
  readonly #signal: AbortSignal | undefined;
  #until = performance.now() + sliceMs;

  constructor(signal: AbortSignal | undefined) {
    this.#signal = signal;
  }

  isOver(): boolean {
    return performance.now() >= this.#until;
  }

  /** Lets everything else run. @throws the signal's reason when it was aborted */
  async pause(): Promise<void> {
    await setImmediate();
    this.#signal?.throwIfAborted();
    this.#until = performance.now() + sliceMs;
  }
}
