import { AsyncLocalStorage } from "node:async_hooks";
import { isLadingError } from "../errors.ts";

const steps = new WeakMap<object, readonly string[]>();
const under = new AsyncLocalStorage<readonly string[]>();

/**
 * Runs a task as a named step, within those that it is called in: an error that leaves it remembers them, outermost
 * first. An error that has its steps already keeps them: it may come by here only because it has ended everything that
 * was under way. imgpkg prints steps before its messages, and scripts look for them; who prints errors another way asks
 * nothing here.
 */
export async function during<T>(step: string, task: () => Promise<T> | T): Promise<T> {
  const here = [...(under.getStore() ?? []), step];
  try {
    return await under.run(here, task);
  } catch (error) {
    if (isLadingError(error) && !steps.has(error)) steps.set(error, here);
    throw error;
  }
}

/** The steps in which the error happened, outermost first, such as `["Reading Images from Bundle"]`. */
export function stepsOf(error: unknown): readonly string[] {
  return (typeof error === "object" && error !== null ? steps.get(error) : undefined) ?? [];
}
