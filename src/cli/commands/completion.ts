import type { Context, Outcome } from "../command.ts";
import { scripts } from "../completion/scripts.ts";

export async function run(
  _options: object,
  _context: Context,
  [shell = ""]: readonly string[],
): Promise<Outcome> {
  const script = scripts[shell as keyof typeof scripts];
  return { data: { shell, script }, text: script };
}
