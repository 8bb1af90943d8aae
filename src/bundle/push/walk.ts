import type { Dirent } from "node:fs";
import { join } from "node:path";
import { sortByName } from "../../image/layer/layer-path.ts";
import { readFolder } from "../../image/layer/read-folder.ts";
import type { TimeSlice } from "../../image/time-slice.ts";

/** Something in a folder: where it is below it, and what. */
export interface Found {
  /** Relative to the folder that is walked, parts separated by `/`. */
  readonly relative: string;
  readonly entry: Dirent;
}

export interface WalkOptions {
  /** Whether to look into a folder that was just given out. Default: always. */
  readonly enter?: (relative: string) => boolean;
  /** What is in a folder. Default `readFolder`. */
  readonly read?: (folder: string) => Dirent[];
}

/**
 * Everything below a folder, each folder before its content, the names of one folder in the order of their bytes: `a`,
 * `a/x`, `a.txt`. Links are found and not followed.
 * @throws what `read` throws
 */
export async function* walkSorted(
  folder: string,
  slice: TimeSlice,
  { enter = () => true, read = readFolder }: WalkOptions = {},
): AsyncGenerator<Found> {
  const inside = (relative: string) => ({
    relative,
    found: sortByName(read(join(folder, relative))).values(),
  });
  const open = [inside("")];
  for (let top = open.at(-1); top !== undefined; top = open.at(-1)) {
    const next = top.found.next();
    if (next.done === true) {
      open.pop();
      await slice.rest();
      continue;
    }
    const entry = next.value;
    const relative = top.relative === "" ? entry.name : `${top.relative}/${entry.name}`;
    yield { relative, entry };
    if (entry.isDirectory() && enter(relative)) open.push(inside(relative));
  }
}
