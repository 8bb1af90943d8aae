import { CopyPartialError, type CopyResult } from "./copy-result.ts";
import { execute } from "./execute.ts";
import { plan } from "./plan.ts";
import type { CopyOptions, CopyRequest } from "./request.ts";

/**
 * Copies graphs from any sources to any sinks in one go: plans, executes, and commits each sink once. Run again after it
 * was cut off, it moves only what is not there yet. Disposing of the sinks is the caller's business.
 * @throws what `plan` and `execute` throw; nothing is committed then, except with `keepGoing`: the sinks of the requests
 * that were done
 */
export async function copy(requests: readonly CopyRequest[], options: CopyOptions = {}): Promise<CopyResult> {
  const planned = await plan(requests, options);
  try {
    const result = await execute(planned, requests, options);
    await commit(requests, options);
    return result;
  } catch (error) {
    if (error instanceof CopyPartialError) {
      const done = new Set(error.result.images.map(({ request }) => request));
      await commit(
        requests.filter((_, i) => done.has(i)),
        options,
      );
    }
    throw error;
  }
}

async function commit(requests: readonly CopyRequest[], { signal }: CopyOptions): Promise<void> {
  for (const sink of new Set(requests.map(({ to }) => to)))
    await sink.commit(signal === undefined ? {} : { signal });
}
