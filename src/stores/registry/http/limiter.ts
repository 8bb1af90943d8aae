import { onAbort } from "./abort.ts";
import type { Clock } from "./clock.ts";

/**
 * What a request holds while it runs. Three lanes, since an upload may read its body from the same host: were they one,
 * uploads could hold every permit while each waits for a download.
 */
export type Lane = "short" | "download" | "upload";

/** How many requests of each lane one host gets at once, and since when it wants none. */
export interface HostLimiter {
  /** Waits for a free permit, and until the host is not paused. @returns gives the permit back; more calls do nothing */
  acquire(lane: Lane, signal?: AbortSignal): Promise<() => void>;
  /** Nobody starts a request before this time. @param until ms since the epoch */
  pause(until: number): void;
}

export function createHostLimiter(perLane: number, clock: Clock): HostLimiter {
  const free: Record<Lane, number> = { short: perLane, download: perLane, upload: perLane };
  const waiting: Record<Lane, (() => void)[]> = { short: [], download: [], upload: [] };
  let pausedUntil = 0;

  const release = (lane: Lane): void => {
    const next = waiting[lane].shift();
    if (next === undefined) free[lane]++;
    else next();
  };

  const permit = (lane: Lane, signal?: AbortSignal): Promise<void> => {
    if (free[lane] > 0) {
      free[lane]--;
      return Promise.resolve();
    }
    return new Promise((resolve, reject) => {
      const queue = waiting[lane];
      const granted = (): void => {
        stop?.();
        resolve();
      };
      const aborted = (): void => {
        queue.splice(queue.indexOf(granted), 1);
        reject(signal?.reason);
      };
      queue.push(granted);
      const stop = signal === undefined ? undefined : onAbort(signal, aborted);
    });
  };

  return {
    acquire: async (lane, signal) => {
      signal?.throwIfAborted();
      for (;;) {
        for (let wait = pausedUntil - clock.now(); wait > 0; wait = pausedUntil - clock.now()) {
          await clock.sleep(wait, signal);
        }
        await permit(lane, signal);
        if (pausedUntil <= clock.now()) break;
        // Paused while this one stood in the queue: a permit is never held while waiting.
        release(lane);
      }
      let held = true;
      return () => {
        if (held) release(lane);
        held = false;
      };
    },
    pause: (until) => {
      pausedUntil = Math.max(pausedUntil, until);
    },
  };
}
