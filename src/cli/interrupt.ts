/** Why a signal fired when the user or the system asked the program to stop. */
export class Interrupted extends Error {
  override readonly name = "Interrupted";
  readonly by: NodeJS.Signals;

  constructor(by: NodeJS.Signals) {
    super(`stopped by ${by}`);
    this.by = by;
  }
}

/**
 * The first SIGINT, SIGTERM or SIGHUP aborts the signal so that work under way is cleaned up; the second leaves at once.
 * Content is written so that both leave good state.
 */
export function watchInterrupts(
  events: NodeJS.EventEmitter,
  onFirst: () => void,
  leave: () => void,
): { readonly signal: AbortSignal; stop(): void } {
  const controller = new AbortController();
  const listeners = (["SIGINT", "SIGTERM", "SIGHUP"] as const).map((name) => {
    const listener = () => {
      if (controller.signal.aborted) return leave();
      controller.abort(new Interrupted(name));
      onFirst();
    };
    events.on(name, listener);
    return { name, listener };
  });
  return {
    signal: controller.signal,
    stop: () => {
      for (const { name, listener } of listeners) events.off(name, listener);
    },
  };
}
