import { createReadStream, type Dirent, existsSync, lstatSync, readdirSync } from "node:fs";
import { basename, dirname, join, resolve } from "node:path";
import { collect } from "../../bytes/collect.ts";
import { cannotRead } from "../../image/layer/disk-error.ts";
import type { TimeSlice } from "../../image/time-slice.ts";
import { parseImagesLock } from "../documents/images-lock.ts";
import { documentLimits } from "../documents/limits.ts";
import type { ImagesLock } from "../documents/model.ts";
import { during } from "../steps.ts";
import { type BundleDiskInput, shownName } from "./input.ts";
import { openInput } from "./open-input.ts";
import { walkSorted } from "./walk.ts";

const folderName = ".imgpkg";
const lockName = "images.yml";

/**
 * Finds the `.imgpkg` folder that makes these inputs a bundle: the only one in all of them, right in one of them, with an
 * images.yml. What is excluded from the layer is looked through, too.
 * @returns its absolute path, or why there is no bundle, in imgpkg's words
 * @throws LadingError ERR_LADING_NOT_FOUND, ERR_LADING_STORE for what cannot be read
 */
export async function findBundleFolder(
  inputs: readonly BundleDiskInput[],
  slice: TimeSlice,
): Promise<{ readonly path: string } | { readonly problem: string }> {
  const found: string[] = [];
  for (const input of inputs) {
    const { path, stat } = openInput(input);
    const given = resolve(input.path);
    if (basename(shownName(input)) === folderName) found.push(given);
    if (!stat.isDirectory()) continue;
    for await (const { relative, entry } of walkSorted(path, slice, { read: readWhatCanBe })) {
      if (entry.name === folderName) found.push(join(given, relative));
    }
  }
  const [path, second] = found;
  if (path === undefined) {
    return { problem: "This directory is not a bundle. It is missing .imgpkg/images.yml" };
  }
  if (second !== undefined) {
    return {
      problem:
        "This directory contains multiple bundle definitions. Only a single instance of .imgpkg/images.yml can be " +
        `provided and instead these were provided ${found.join(", ")}`,
    };
  }
  if (!inputs.some((input) => dirname(path) === resolve(input.path))) {
    const inputNames = inputs.map(shownName).join(", ");
    return {
      problem: `Expected '${folderName}' directory, to be a direct child of one of: ${inputNames}; was ${path}`,
    };
  }
  if (!existsSync(join(path, lockName))) {
    return {
      problem: `The bundle expected .imgpkg/images.yml to exist, but it wasn't found in the path ${path}`,
    };
  }
  return { path };
}

/**
 * What cannot be read here may be excluded. If it is not, making the layer says so, and what names no layer can hold, too.
 */
function readWhatCanBe(folder: string): Dirent[] {
  try {
    return readdirSync(folder, { withFileTypes: true });
  } catch {
    return [];
  }
}

/**
 * Reads a bundle's images.yml as whoever pulls the bundle will. imgpkg pushes any content; a lock that no tool can read, or
 * that names images by tag, is refused here while it can still be mended.
 * @param path of the `.imgpkg` folder
 * @returns undefined when it is no plain file
 * @throws LadingError ERR_LADING_DOCUMENT with imgpkg's sentences for reading, ERR_LADING_LIMIT, ERR_LADING_STORE
 */
export async function readImagesLock(path: string): Promise<ImagesLock | undefined> {
  const file = join(path, lockName);
  // What is no file is refused when the layer is made; a pipe would never end.
  if (!lstatSync(file).isFile()) return undefined;
  const bytes = await collect(createReadStream(file), documentLimits.lockBytes, file).catch((error) => {
    throw cannotRead(error, file);
  });
  return await during("Reading images lock file", () => parseImagesLock(bytes, file));
}
