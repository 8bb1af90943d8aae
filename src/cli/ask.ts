import { createInterface } from "node:readline";
import { PassThrough, type Readable, Writable } from "node:stream";
import { collect } from "../bytes/collect.ts";
import type { Context } from "./command.ts";

const longestLine = 64 * 1024;

/** All of standard input, without the newline at its end. */
export async function readInput(context: Context): Promise<string> {
  return (await collect(context.stdin, longestLine, "standard input")).toString("utf8").replace(/\r?\n$/, "");
}

/** Asks on the terminal. What is typed is not shown when it is `hidden`. */
export async function ask(
  question: string,
  context: Context,
  options: { readonly hidden: boolean },
): Promise<string> {
  context.say(question);
  const nowhere = new Writable({ write: (_chunk, _encoding, done) => done() });
  const lines = createInterface({
    input: context.stdin as Readable & typeof context.stdin,
    output: options.hidden ? nowhere : new PassThrough().resume(),
    // With `terminal` readline takes over the echo, and sends it to the output above.
    terminal: options.hidden,
  });
  const abort = () => lines.close();
  context.signal.addEventListener("abort", abort, { once: true });
  try {
    return await new Promise((resolve, reject) => {
      lines.once("line", resolve);
      lines.once("SIGINT", () => process.kill(process.pid, "SIGINT"));
      lines.once("close", () => reject(context.signal.reason ?? new Error("the input ended")));
    });
  } finally {
    context.signal.removeEventListener("abort", abort);
    lines.close();
  }
}
