import { accessSync, constants } from "node:fs";
import { delimiter, join } from "node:path";

/** Where a program of another project is, or undefined. Looks where Debian puts daemons, too. */
export function findProgram(program: string): string | undefined {
  for (const folder of [...(process.env["PATH"] ?? "").split(delimiter), "/usr/sbin", "/sbin"]) {
    if (folder === "") continue;
    try {
      const path = join(folder, program);
      accessSync(path, constants.X_OK);
      return path;
    } catch {
      // Not in this folder.
    }
  }
  return undefined;
}

/** Options for a test that needs these programs: it is skipped by name where one is absent. */
export function needs(...programs: readonly string[]): { skip: string | false } {
  const absent = programs.filter((program) => findProgram(program) === undefined);
  return { skip: absent.length === 0 ? false : `needs ${absent.join(", ")}` };
}
