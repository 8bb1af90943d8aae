import { mkdir, stat } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import { LadingError, systemCode } from "../errors.ts";

/**
 * Makes a folder and those above it; one that is there already is fine. Not by mkdir's `recursive`: where a folder can
 * never be made, as under /proc, Node tries without end.
 * @returns the uppermost folder that was missing, undefined when all were there
 * @throws LadingError ERR_LADING_STORE where no folder can be made; else the system's error
 */
export async function makeFolder(path: string, mode = 0o777): Promise<string | undefined> {
  const missing: string[] = [];
  for (let folder = resolve(path); !(await isThere(folder)); folder = dirname(folder)) missing.push(folder);
  const uppermost = missing.at(-1);
  for (const folder of missing.reverse()) await makeOne(folder, mode);
  return uppermost;
}

async function makeOne(folder: string, mode: number): Promise<void> {
  try {
    await mkdir(folder, mode);
  } catch (error) {
    // Somebody else was faster.
    if (systemCode(error) === "EEXIST" && (await stat(folder).catch(() => undefined))?.isDirectory()) return;
    if (systemCode(error) !== "ENOENT") throw error;
    throw new LadingError("ERR_LADING_STORE", `no folder can be made at ${folder}`, {
      place: folder,
      hint: "this part of the file system takes no new folders: choose another path",
      cause: error,
    });
  }
}

async function isThere(path: string): Promise<boolean> {
  try {
    await stat(path);
    return true;
  } catch (error) {
    const code = systemCode(error);
    if ((code === "ENOENT" || code === "ENOTDIR") && dirname(path) !== path) return false;
    throw error;
  }
}
