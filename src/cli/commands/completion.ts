import type { Context, Outcome } from "../command.ts";
import { scriptFor, scripts } from "../completion/scripts.ts";

export async function run(
  _options: object,
  _context: Context,
  [shell = ""]: readonly string[],
): Promise<Outcome> {
  const known = shell as keyof typeof scripts;
  const script = scripts[known];
  return {
    data: { shell, script },
    text: script,
    imgpkg: [{ kind: "block", text: scriptFor(known, "imgpkg") }],
  };
}
