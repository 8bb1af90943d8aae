import { isLadingError } from "../errors.ts";

const steps = new WeakMap<object, readonly string[]>();

/**
 * Runs a task as a named step: an error that leaves it remembers the step, outermost first. imgpkg prints steps before
 * its messages, and scripts look for them; who prints errors another way asks nothing here.
 */
export async function during<T>(step: string, task: () => Promise<T> | T): Promise<T> {
  try {
    return await task();
  } catch (error) {
    if (isLadingError(error)) steps.set(error, [step, ...stepsOf(error)]);
    throw error;
  }
}

/** The steps in which the error happened, outermost first, such as `["Reading Images from Bundle"]`. */
export function stepsOf(error: unknown): readonly string[] {
  return (typeof error === "object" && error !== null ? steps.get(error) : undefined) ?? [];
}
