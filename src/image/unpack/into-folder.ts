import { lstatSync, type Stats } from "node:fs";
import { chmod, mkdir, mkdtemp, readdir, realpath, rename, rmdir, stat } from "node:fs/promises";
import { basename, dirname, join, relative, resolve, sep } from "node:path";
import { LadingError, systemCode } from "../../errors.ts";
import { makeFolder } from "../../stores/make-folder.ts";
import { TimeSlice } from "../time-slice.ts";
import { unpackFailure } from "./failure.ts";
import type { UnpackOptions } from "./options.ts";
import { canWalkByDescriptor, statOf, Tree } from "./tree.ts";

/** A fresh folder to unpack into, beside the target or, where that cannot be, in it. */
interface Place {
  readonly target: string;
  /** What is at the target now. */
  readonly before: "nothing" | "empty" | "content";
  readonly mode: number | undefined;
  readonly temp: string;
  readonly inside: boolean;
  /** The uppermost of the target's parents that had to be made. */
  readonly madeParent: string | undefined;
}

/**
 * Has a new folder filled and puts it in the target's place once it is whole. When that fails, the target is as it was
 * and the new folder is gone.
 * @throws LadingError ERR_LADING_STORE when the target has content that is not to be replaced, or is no folder;
 * ERR_LADING_USAGE when replacing it would take away the folder that the program runs in
 */
export async function intoFolder<T>(
  target: string,
  options: Pick<UnpackOptions, "existing" | "staging">,
  fill: (folder: string, umask: number) => Promise<T>,
): Promise<T> {
  const place = await preparePlace(target, options);
  try {
    const umask = await readUmask(place.temp);
    const result = await fill(place.temp, umask);
    await chmod(place.temp, place.mode ?? 0o777 & ~umask);
    await (place.inside ? moveUp(place) : swap(place));
    return result;
  } catch (error) {
    await removeTree(place.temp).catch(() => {});
    await removeParents(place);
    throw unpackFailure(error, place.target, place.target);
  }
}

async function preparePlace(
  wanted: string,
  { existing, staging }: Pick<UnpackOptions, "existing" | "staging">,
): Promise<Place> {
  let target = resolve(wanted);
  try {
    // The caller chose the path: links in it are the caller's will, other than those in an image.
    let stats = statOf(target);
    if (stats?.isSymbolicLink() === true) {
      target = await realpath(target);
      stats = statOf(target);
    }
    if (stats === undefined) {
      const madeParent = await makeFolder(dirname(target));
      return {
        target,
        before: "nothing",
        mode: undefined,
        madeParent,
        ...(await makeTemp(target, undefined, "beside")),
      };
    }
    if (!stats.isDirectory()) {
      throw new LadingError("ERR_LADING_STORE", "the target is there and is not a folder", {
        place: target,
        hint: "choose another path",
      });
    }
    const before = (await readdir(target)).length === 0 ? "empty" : "content";
    if (before === "content") refuseContent(target, existing);
    const temp = await makeTemp(target, stats, staging);
    return { target, before, mode: stats.mode & 0o777, madeParent: undefined, ...temp };
  } catch (error) {
    throw unpackFailure(error, target, target);
  }
}

function refuseContent(target: string, existing: UnpackOptions["existing"]): void {
  if (existing !== "replace") {
    throw new LadingError("ERR_LADING_STORE", "the target folder is not empty", {
      place: target,
      hint: "choose a new or an empty folder, or say that its content may be replaced",
    });
  }
  // "pull -o ." in the wrong place would delete what somebody works on.
  const way = relative(target, process.cwd());
  if (way === "" || (way !== ".." && !way.startsWith(`..${sep}`))) {
    throw new LadingError("ERR_LADING_USAGE", "the target is the current folder or contains it", {
      place: target,
      hint: "all its content would be replaced; choose another folder, or run from elsewhere",
    });
  }
}

async function makeTemp(
  target: string,
  stats: Stats | undefined,
  staging: UnpackOptions["staging"],
): Promise<{ readonly temp: string; readonly inside: boolean }> {
  const parent = dirname(target);
  // A mount point can be filled, but not renamed.
  const mounted = stats !== undefined && (await stat(parent)).dev !== stats.dev;
  if (staging === "beside" || (staging === undefined && !mounted)) {
    try {
      return { temp: await mkdtemp(join(parent, `.${basename(target)}.lading-`)), inside: false };
    } catch (error) {
      if (
        stats === undefined ||
        staging === "beside" ||
        !["EACCES", "EPERM", "EROFS"].includes(systemCode(error) ?? "")
      )
        throw error;
    }
  }
  return { temp: await mkdtemp(join(target, ".lading-")), inside: true };
}

/** The process's umask, without the call that has to change it to read it. */
async function readUmask(folder: string): Promise<number> {
  const probe = join(folder, "umask");
  await mkdir(probe, { mode: 0o777 });
  const { mode } = lstatSync(probe);
  await rmdir(probe);
  return 0o777 & ~mode;
}

async function swap({ temp, target, before }: Place): Promise<void> {
  if (before !== "content") {
    // Takes the place of an empty folder, and fails when it is not empty any more.
    await rename(temp, target);
    return;
  }
  const old = `${temp}.old`;
  await rename(target, old);
  try {
    await rename(temp, target);
  } catch (error) {
    await rename(old, target);
    throw error;
  }
  await removeTree(old);
}

async function moveUp({ temp, target }: Place): Promise<void> {
  for (const child of await readdir(target)) {
    if (child !== basename(temp)) await removeTree(join(target, child));
  }
  for (const child of await readdir(temp)) await rename(join(temp, child), join(target, child));
  await rmdir(temp);
}

/** Removes what is at a path, links not followed, and read-only folders as well. */
async function removeTree(path: string): Promise<void> {
  const parent = dirname(path);
  const tree = new Tree(parent, {
    walk: canWalkByDescriptor(parent) ? "descriptors" : "paths",
    throughLinks: "refuse",
    maxDepth: Number.POSITIVE_INFINITY,
  });
  try {
    const slice = new TimeSlice(undefined);
    for (const _ of tree.remove(tree.root, basename(path))) if (slice.over) await slice.rest();
  } finally {
    tree.close();
  }
}

/** Takes the parents away again that were made for a target that did not come about. */
async function removeParents({ target, madeParent }: Place): Promise<void> {
  if (madeParent === undefined) return;
  for (let parent = dirname(target); parent.length >= madeParent.length; parent = dirname(parent)) {
    try {
      await rmdir(parent);
    } catch {
      return;
    }
  }
}
