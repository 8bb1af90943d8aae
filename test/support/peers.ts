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

/** Without root these want user namespaces, which not every machine gives. */
const rootOnly: ReadonlySet<string> = new Set(["buildah"]);

/** Options for a test that needs these programs: it is skipped by name where one is absent. */
export function needs(...programs: readonly string[]): { skip: string | false } {
  const isRoot = process.geteuid?.() === 0;
  const absent = programs.flatMap((program) => {
    if (findProgram(program) === undefined) return program;
    return rootOnly.has(program) && !isRoot ? `root for ${program}` : [];
  });
  return { skip: absent.length === 0 ? false : `needs ${absent.join(", ")}` };
}
