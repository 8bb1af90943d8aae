import type { Digest } from "../../spec/digest.ts";
import { problemOf } from "./fault.ts";
import type { VerifyProblem } from "./model.ts";

export type Attempt<T> = { readonly value: T } | { readonly problem: VerifyProblem };

/**
 * Does something that may fail without ending the whole: Lading's own errors are findings.
 * @throws anything else, and the reason of an abort
 */
export async function attempt<T>(
  task: () => Promise<T>,
  { signal, digest }: { readonly signal: AbortSignal; readonly digest?: Digest },
): Promise<Attempt<T>> {
  try {
    return { value: await task() };
  } catch (error) {
    signal.throwIfAborted();
    return { problem: problemOf(error, digest) };
  }
}
