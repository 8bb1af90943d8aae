import type { Context, Outcome } from "../command.ts";
import { candidatesFor } from "../completion/candidates.ts";

/** One candidate a line, a tab before its description; the last line says what else the shell may offer. */
export async function run(_options: object, _context: Context, words: readonly string[]): Promise<Outcome> {
  const { values, also } = candidatesFor(words);
  const lines = values.map(({ value, help }) => (help === "" ? value : `${value}\t${help}`));
  return { data: { values, also }, text: [...lines, `:${also}`].join("\n") };
}
