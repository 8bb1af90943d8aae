/** A folder whose whole content is replaced, once the new content is complete. */
import { lstat, mkdir, mkdtemp, readdir, realpath, rename, rm } from "node:fs/promises";
import { basename, dirname, join, resolve, sep } from "node:path";
import { LadingError, systemCode } from "../errors.ts";
import type { Environment } from "./environment.ts";

export interface OutputFolder extends AsyncDisposable {
  /** Where the new content is put together; empty at first. */
  readonly stage: string;
  /** Takes the old content away and puts the new one in its place. */
  swap(): Promise<void>;
}

/**
 * Whether replacing this folder would destroy what nobody means to give up: the root, the home folder, the current
 * folder, or anything above them. Links are followed first.
 * @throws LadingError ERR_LADING_USAGE
 */
export async function checkOutputFolder(path: string, environment: Environment): Promise<string> {
  if (path === "") throw refused(path, "it is empty");
  const target = await realPathOf(resolve(environment.cwd, path));
  const precious = [
    { folder: sep, name: "the root" },
    { folder: environment.cwd, name: "the current folder" },
    { folder: environment.home, name: "the home folder" },
  ];
  for (const { folder, name } of precious) {
    const real = await realPathOf(resolve(folder));
    if (real === target) throw refused(path, `it is ${name}`);
    if (real.startsWith(target.endsWith(sep) ? target : target + sep)) throw refused(path, `${name} is within it`);
  }
  const found = await lstat(target).catch(() => undefined);
  if (found !== undefined && !found.isDirectory()) throw refused(path, "it is not a folder");
  return target;
}

function refused(path: string, why: string): LadingError {
  return new LadingError("ERR_LADING_USAGE", `refusing to replace the content of '${path}': ${why}`, {
    hint: "name a folder that exists only for this, such as -o out",
  });
}

/** Also of what is not there yet: the part that exists is resolved. */
async function realPathOf(path: string): Promise<string> {
  try {
    return await realpath(path);
  } catch (error) {
    if (systemCode(error) !== "ENOENT" || dirname(path) === path) throw error;
    return join(await realPathOf(dirname(path)), basename(path));
  }
}

/**
 * Opens a folder for replacement. The new content grows beside it, so that the change at the end is two renames; where
 * that cannot be (a mount point, a parent that may not be written) it grows within.
 * @param target checked by `checkOutputFolder`
 */
export async function openOutputFolder(target: string): Promise<OutputFolder> {
  await mkdir(dirname(target), { recursive: true });
  const prefix = `.${basename(target)}.lading-`;
  const beside = (await isOwnMount(target)) ? undefined : await makeBeside(dirname(target), prefix);
  if (beside === undefined) {
    await mkdir(target, { recursive: true });
    return within(target, await mkdtemp(join(target, prefix)));
  }
  return {
    stage: join(beside, "new"),
    swap: async () => {
      const old = join(beside, "old");
      const had = await moved(target, old);
      try {
        await rename(join(beside, "new"), target);
      } catch (error) {
        if (had) await rename(old, target);
        throw error;
      }
    },
    [Symbol.asyncDispose]: () => remove(beside),
  };
}

async function isOwnMount(target: string): Promise<boolean> {
  const here = await lstat(target).catch(() => undefined);
  return here !== undefined && here.dev !== (await lstat(dirname(target))).dev;
}

async function makeBeside(parent: string, prefix: string): Promise<string | undefined> {
  try {
    const folder = await mkdtemp(join(parent, prefix));
    await mkdir(join(folder, "new"));
    return folder;
  } catch (error) {
    if (["EACCES", "EPERM", "EROFS"].includes(systemCode(error) ?? "")) return undefined;
    throw error;
  }
}

async function moved(from: string, to: string): Promise<boolean> {
  try {
    await rename(from, to);
    return true;
  } catch (error) {
    if (systemCode(error) === "ENOENT") return false;
    throw error;
  }
}

function within(target: string, stage: string): OutputFolder {
  return {
    stage,
    swap: async () => {
      for (const name of await readdir(target)) {
        if (join(target, name) !== stage) await remove(join(target, name));
      }
      for (const name of await readdir(stage)) await rename(join(stage, name), join(target, name));
    },
    [Symbol.asyncDispose]: () => remove(stage),
  };
}

function remove(path: string): Promise<void> {
  return rm(path, { recursive: true, force: true, maxRetries: 2 });
}
