import { mkdirSync } from "node:fs";
import { TimeSlice } from "../time-slice.ts";
import { entryPath, unsafePath } from "./entry-path.ts";
import type { Tree } from "./tree.ts";

/**
 * Makes an empty folder in a tree; what is at its path goes first.
 * @param path with `/`
 * @returns a path that names it for system calls, valid until the tree opens another folder
 * @throws LadingError ERR_LADING_UNSAFE_PATH
 */
export async function freshFolder(tree: Tree, path: string): Promise<string> {
  const parts = entryPath(path, Number.POSITIVE_INFINITY);
  const name = parts.pop();
  if (name === undefined) throw unsafePath(path, "it is the target itself");
  const parent = tree.folder(parts, true, path);
  if (parent === undefined) throw new Error("a folder that was to be made is not there");
  const slice = new TimeSlice(undefined);
  for (const _ of tree.remove(parent, name)) if (slice.over) await slice.rest();
  const folder = `${parent.base}/${name}`;
  mkdirSync(folder);
  return folder;
}
