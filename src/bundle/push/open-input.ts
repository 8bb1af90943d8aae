import { realpathSync, type Stats, statSync } from "node:fs";
import { LadingError, systemCode } from "../../errors.ts";
import { cannotRead } from "../../image/layer/disk-error.ts";
import { type BundleDiskInput, shownName } from "./input.ts";

/**
 * What an input is on disk, links followed.
 * @throws LadingError ERR_LADING_NOT_FOUND with imgpkg's sentence, ERR_LADING_STORE
 */
export function openInput(input: BundleDiskInput): { readonly path: string; readonly stat: Stats } {
  const shown = shownName(input);
  try {
    const path = realpathSync(input.path);
    return { path, stat: statSync(path) };
  } catch (error) {
    if (systemCode(error) === "ENOENT") {
      throw new LadingError("ERR_LADING_NOT_FOUND", `lstat ${shown}: no such file or directory`, {
        place: shown,
        cause: error,
      });
    }
    throw cannotRead(error, shown);
  }
}
