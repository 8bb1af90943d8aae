import { setMaxListeners } from "node:events";

export type Gate = <T>(task: () => Promise<T>) => Promise<T>;

/** At most `size` of the tasks given to it run at once; the others wait their turn in order. */
export function createGate(size: number): Gate {
  let free = Math.max(1, size);
  let waiting: (() => void)[] = [];
  let served = 0;
  const release = (): void => {
    // The permit goes straight to the next in line, or back.
    const next = waiting[served];
    if (next === undefined) {
      free++;
      waiting = [];
      served = 0;
    } else {
      served++;
      next();
    }
  };
  return async (task) => {
    if (free > 0) free--;
    else await new Promise<void>((resolve) => waiting.push(resolve));
    try {
      return await task();
    } finally {
      release();
    }
  };
}

/**
 * Waits until all have settled, then gives the results or throws the first failure. The first failure is told to
 * `abort`, so that the others end soon; nothing runs on behind the caller's back.
 */
export async function allSettled<T>(
  promises: readonly Promise<T>[],
  abort: (reason: unknown) => void,
): Promise<T[]> {
  let failed = false;
  let first: unknown;
  const results = await Promise.allSettled(
    promises.map((promise) =>
      promise.catch((error: unknown) => {
        if (!failed) {
          failed = true;
          first = error;
          abort(error);
        }
        throw error;
      }),
    ),
  );
  if (failed) throw first;
  return results.map((result) => (result as PromiseFulfilledResult<T>).value);
}

/**
 * Does a task for each item, at most `size` of them at once: of many items, only those at work hold memory.
 * @returns the results in the order of the items
 * @throws the first failure, when all that was at work has settled; `abort` is told of it, and nothing new begins
 */
export async function mapTogether<T, R>(
  items: readonly T[],
  size: number,
  task: (item: T, index: number) => Promise<R>,
  abort: (reason: unknown) => void,
): Promise<R[]> {
  const results: R[] = [];
  const ahead = items.entries();
  let failed = false;
  const lane = async (): Promise<void> => {
    // All lanes take from one iterator: each item is somebody's.
    for (const [i, item] of ahead) {
      if (failed) return;
      results[i] = await task(item, i);
    }
  };
  const lanes = Array.from({ length: Math.max(1, Math.min(size, items.length)) }, lane);
  await allSettled(lanes, (reason) => {
    failed = true;
    abort(reason);
  });
  return results;
}

/** A controller that also follows the caller's signal. */
export function linkedAbort(signal: AbortSignal | undefined): {
  readonly signal: AbortSignal;
  readonly abort: (reason: unknown) => void;
} {
  const controller = new AbortController();
  const linked = signal === undefined ? controller.signal : AbortSignal.any([signal, controller.signal]);
  // Everything in flight listens to it: many listeners are no leak here.
  setMaxListeners(0, linked);
  return { signal: linked, abort: (reason) => controller.abort(reason) };
}
