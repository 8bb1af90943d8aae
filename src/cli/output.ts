import type { Outcome } from "./command.ts";
import { jsonText } from "./json-text.ts";

/** Standard output as far as the program uses it. */
export interface OutputStream {
  write(chunk: string | Uint8Array, done?: (error?: Error | null) => void): boolean;
}

/** Writes and waits until the chunk is taken, so that a slow reader slows the writer. */
export function writeAll(stream: OutputStream, chunk: string | Uint8Array): Promise<void> {
  return new Promise((resolve, reject) => {
    stream.write(chunk, (error) => (error ? reject(error) : resolve()));
  });
}

/** What of an outcome goes to standard output. */
export function renderOutcome(
  outcome: Outcome,
  options: { readonly json: boolean; readonly quiet: boolean },
): string {
  if (options.json) return `${jsonText(outcome.data, 2)}\n`;
  const text = options.quiet && outcome.quiet !== undefined ? outcome.quiet : outcome.text;
  return text === "" || text.endsWith("\n") ? text : `${text}\n`;
}
