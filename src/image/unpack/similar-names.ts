import { lstatSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { unsafePath } from "./entry-path.ts";

/** Whether the file system under `folder` takes names for equal that differ in case or in Unicode normalisation. */
export function foldsNames(folder: string): boolean {
  const written = join(folder, ".lading-probe-\u00e9A");
  writeFileSync(written, "");
  try {
    return [".lading-probe-\u00e9a", ".lading-probe-e\u0301A"].some((name) => {
      try {
        lstatSync(join(folder, name));
        return true;
      } catch {
        return false;
      }
    });
  } finally {
    rmSync(written, { force: true });
  }
}

/**
 * Refuses a second name that such a file system would take for the first: the one would silently overwrite the other, or
 * a file would land in a folder that another entry made a link.
 */
export class SimilarNames {
  /** What was written, by its folded path. */
  readonly #names = new Map<string, string>();

  /** @param parts every folder on the way counts, too */
  add(parts: readonly string[]): void {
    let path = "";
    let folded = "";
    for (const part of parts) {
      path += `/${part}`;
      folded += `/${fold(part)}`;
      const known = this.#names.get(folded);
      if (known === undefined) this.#names.set(folded, path);
      else if (known !== path) {
        throw unsafePath(
          path.slice(1),
          `the target's file system cannot tell it from ${JSON.stringify(known.slice(1))}`,
          "unpack it on a file system that distinguishes case",
        );
      }
    }
  }
}

/** Upper case first: that way "ß" and "SS", or "ſ" and "s", meet, as they do on disk. */
function fold(part: string): string {
  return part.normalize("NFKD").toUpperCase().toLowerCase().normalize("NFKD");
}
