import { type Dirent, readdirSync, readlinkSync, realpathSync, statSync } from "node:fs";
import { basename, join } from "node:path";
import { LadingError, systemCode } from "../../errors.ts";
import { quote } from "../../spec/digest.ts";
import type { TimeSlice } from "../time-slice.ts";
import { cannotRead } from "./disk-error.ts";
import type { DiskInput, PlannedEntry } from "./input.ts";
import { layerPath } from "./layer-path.ts";

const defaultExclude: readonly string[] = [".git"];

/**
 * Everything that a path on disk puts into a layer, folders before their content, in no particular order otherwise.
 * Nothing is opened but folders. Calls to the file system are synchronous, a slice of time at once: for many small files
 * that is thirty times as fast as a promise for each.
 * @throws LadingError ERR_LADING_NOT_FOUND, ERR_LADING_STORE, ERR_LADING_UNSUPPORTED
 */
export async function* walk(input: DiskInput, slice: TimeSlice): AsyncGenerator<PlannedEntry> {
  const exclude = new Set((input.exclude ?? defaultExclude).map(relativePath));
  const { path, isFolder } = openInput(input.path);
  if (!isFolder) {
    const own = basename(input.path);
    if (exclude.has(own)) return;
    const name = layerPath(input.at ?? own);
    if (name === "")
      throw new LadingError("ERR_LADING_USAGE", `a file cannot be the root of a layer: ${input.path}`);
    checkName(name, input.path);
    yield { name, type: "file", from: path, onDisk: true };
    return;
  }

  const root = layerPath(input.at ?? "");
  if (root !== "") yield { name: root, type: "directory", from: path, onDisk: true };
  const folders = [""];
  for (let folder = folders.pop(); folder !== undefined; folder = folders.pop()) {
    const onDisk = join(path, folder);
    for (const found of readFolder(onDisk)) {
      const relative = folder === "" ? found.name : `${folder}/${found.name}`;
      if (exclude.has(relative)) continue;
      const entry = entryOf(found, root === "" ? relative : `${root}/${relative}`, join(onDisk, found.name));
      if (entry.type === "directory") folders.push(relative);
      yield entry;
    }
    await slice.rest();
  }
}

function relativePath(path: string): string {
  return path
    .split("/")
    .filter((part) => part !== "" && part !== ".")
    .join("/");
}

function openInput(given: string): {
  readonly path: string;
  readonly isFolder: boolean;
} {
  try {
    const path = realpathSync(given);
    const stat = statSync(path);
    if (stat.isDirectory()) return { path, isFolder: true };
    if (stat.isFile()) return { path, isFolder: false };
  } catch (error) {
    if (systemCode(error) === "ENOENT" || systemCode(error) === "ENOTDIR") {
      throw new LadingError("ERR_LADING_NOT_FOUND", `there is no file or folder ${given}`, {
        place: given,
        hint: "check the path",
        cause: error,
      });
    }
    throw cannotRead(error, given);
  }
  throw new LadingError("ERR_LADING_UNSUPPORTED", `${given} is neither a file nor a folder`, {
    place: given,
  });
}

function readFolder(path: string): Dirent[] {
  try {
    const found = readdirSync(path, { withFileTypes: true });
    // Bytes that are not UTF-8 come as U+FFFD, which may also be in a name on its own right.
    if (found.some((entry) => entry.name.includes("\ufffd"))) checkEncoding(path);
    return found;
  } catch (error) {
    throw cannotRead(error, path);
  }
}

function checkEncoding(folder: string): void {
  for (const bytes of readdirSync(folder, { encoding: "buffer" })) {
    if (Buffer.compare(Buffer.from(bytes.toString("utf8")), bytes) === 0) continue;
    throw new LadingError(
      "ERR_LADING_UNSUPPORTED",
      `a name in ${folder} is not UTF-8: ${quote(bytes.toString("latin1"))}`,
      { place: folder, hint: "rename it, or exclude its folder" },
    );
  }
}

function entryOf(found: Dirent, name: string, path: string): PlannedEntry {
  if (found.isSymbolicLink()) {
    return {
      name,
      type: "symlink",
      from: path,
      onDisk: true,
      linkName: readLink(path),
    };
  }
  checkName(found.name, path);
  if (found.isFile()) return { name, type: "file", from: path, onDisk: true };
  if (found.isDirectory()) return { name, type: "directory", from: path, onDisk: true };
  throw new LadingError("ERR_LADING_UNSUPPORTED", `${path} is ${kindOf(found)}: a layer cannot have it`, {
    place: path,
    hint: "remove it, or exclude it",
  });
}

function kindOf(found: Dirent): string {
  if (found.isSocket()) return "a socket";
  if (found.isFIFO()) return "a named pipe";
  return "a device";
}

/** A file with such a name would take another file away wherever the layer is unpacked (image-spec, "Whiteouts"). */
function checkName(name: string, path: string): void {
  if (!name.slice(name.lastIndexOf("/") + 1).startsWith(".wh.")) return;
  throw new LadingError("ERR_LADING_UNSUPPORTED", `${path} would be a whiteout in a layer, not a file`, {
    place: path,
    hint: "rename it, or exclude it",
  });
}

function readLink(path: string): string {
  let target: Buffer;
  try {
    target = readlinkSync(path, { encoding: "buffer" });
  } catch (error) {
    throw cannotRead(error, path);
  }
  const text = target.toString("utf8");
  if (Buffer.compare(Buffer.from(text), target) === 0) return text;
  throw new LadingError("ERR_LADING_UNSUPPORTED", `the link ${path} points to a name that is not UTF-8`, {
    place: path,
    hint: "change it, or exclude it",
  });
}
