/**
 * The only reader of the process's surroundings. Variables are looked up as `LADING_X` first, then as `IMGPKG_X` for
 * scripts that were written for imgpkg.
 */
import { homedir, tmpdir } from "node:os";

export type Variables = Readonly<Record<string, string | undefined>>;

export interface Environment {
  readonly variables: Variables;
  readonly cwd: string;
  readonly home: string;
  /** For what only lives while the program runs. */
  readonly tempDir: string;
}

export function readEnvironment(variables: Variables, cwd: string): Environment {
  return { variables, cwd, home: variables["HOME"] || homedir(), tempDir: tmpdir() };
}

/** The value of `LADING_<name>`, else of `IMGPKG_<name>`; an empty one counts as not set. */
export function ownVariable(variables: Variables, name: string): string | undefined {
  return variables[`LADING_${name}`] || variables[`IMGPKG_${name}`] || undefined;
}
