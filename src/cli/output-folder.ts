import { lstat, realpath } from "node:fs/promises";
import { basename, dirname, join, resolve, sep } from "node:path";
import { LadingError, systemCode } from "../errors.ts";
import type { Environment } from "./environment.ts";

/**
 * The path of a folder whose content may be replaced. Refused is what nobody means to give up: the root, the home
 * folder, the current folder, and all above them. Links are followed first.
 * @throws LadingError ERR_LADING_USAGE
 */
export async function checkOutputFolder(path: string, environment: Environment): Promise<string> {
  if (path === "") throw new LadingError("ERR_LADING_USAGE", "Expected --output to be none empty");
  const target = await realPathOf(resolve(environment.cwd, path));
  const precious = [
    { folder: sep, name: "the root folder" },
    { folder: environment.cwd, name: "the current folder" },
    { folder: environment.home, name: "the home folder" },
  ];
  for (const { folder, name } of precious) {
    const real = await realPathOf(resolve(folder));
    if (real === target) throw disallowed(`${path}, which is ${name}`);
    if (real.startsWith(target.endsWith(sep) ? target : target + sep))
      throw disallowed(`${path}, which has ${name} in it`);
  }
  const found = await lstat(target).catch(() => undefined);
  if (found !== undefined && !found.isDirectory()) {
    throw new LadingError("ERR_LADING_USAGE", `refusing to replace '${path}': it is not a folder`, {
      hint: "name a folder that exists only for this, such as -o out",
    });
  }
  return target;
}

/** In imgpkg's words, which come without a hint. */
function disallowed(place: string): LadingError {
  const message = "Disallowed output directory (trying to avoid accidental deletion)";
  return new LadingError("ERR_LADING_USAGE", message, { place });
}

/** Also of what is not there yet: the part that exists is resolved. */
async function realPathOf(path: string): Promise<string> {
  try {
    return await realpath(path);
  } catch (error) {
    if (!["ENOENT", "ENOTDIR"].includes(systemCode(error) ?? "") || dirname(path) === path) throw error;
    return join(await realPathOf(dirname(path)), basename(path));
  }
}
