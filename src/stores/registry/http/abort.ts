/** What listens to each signal, behind one listener of the signal's own. Places that are free are taken again. */
const listening = new WeakMap<AbortSignal, ((() => void) | undefined)[]>();

/**
 * Calls back when the signal aborts. For signals that outlive thousands of requests, each of which listens: a list or a
 * set that grows and shrinks links each request to the next, so that none is let go until the whole heap is collected.
 * @returns stops listening
 */
export function onAbort(signal: AbortSignal, callback: () => void): () => void {
  const callbacks = listening.get(signal) ?? listen(signal);
  const free = callbacks.indexOf(undefined);
  const place = free === -1 ? callbacks.length : free;
  callbacks[place] = callback;
  return () => {
    if (callbacks[place] === callback) callbacks[place] = undefined;
  };
}

function listen(signal: AbortSignal): ((() => void) | undefined)[] {
  const callbacks: ((() => void) | undefined)[] = [];
  const all = (): void => {
    for (const call of callbacks) call?.();
  };
  signal.addEventListener("abort", all, { once: true });
  listening.set(signal, callbacks);
  return callbacks;
}

/** The promise's value, or the signal's reason when that comes first; the promise itself goes on for others. */
export function unlessAborted<T>(promise: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return promise;
  signal.throwIfAborted();
  return new Promise((resolve, reject) => {
    const stop = onAbort(signal, () => reject(signal.reason));
    promise.then(resolve, reject).finally(stop);
  });
}
