import { lstat, readdir, rename, unlink } from "node:fs/promises";
import { join } from "node:path";
import { isAlive, ownerOfTemporary } from "../process-identity.ts";
import { partialFrom, partialName, partialPattern } from "./partial.ts";

const hourMs = 60 * 60_000;

/**
 * Clears what dead processes left in a layout: temporary files go, except parts of blobs that are worth going on with;
 * those wait a week for their next attempt. Files of processes that cannot be asked (another host or container) go when
 * nothing was written to them for an hour. Best effort: what cannot be removed stays.
 */
export async function sweepLayout(folder: string): Promise<void> {
  for (const name of await readdir(folder).catch(() => [] as string[])) {
    const path = join(folder, name);
    if (partialPattern.test(name)) {
      if ((await ageOf(path)) > 7 * 24 * hourMs) await unlink(path).catch(() => {});
      continue;
    }
    const found = ownerOfTemporary(name);
    if (found === undefined) continue;
    const alive = isAlive(found.owner);
    if (alive === true || (alive === undefined && (await ageOf(path)) < hourMs)) continue;
    const part = found.content === undefined ? undefined : partialName(found.content);
    const info = await lstat(path).catch(() => undefined);
    if (part !== undefined && partialPattern.test(part) && info?.isFile() && info.size >= partialFrom) {
      await rename(path, join(folder, part)).catch(() => {});
    } else {
      await unlink(path).catch(() => {});
    }
  }
}

async function ageOf(path: string): Promise<number> {
  return (
    Date.now() -
    (await lstat(path)
      .then((info) => info.mtimeMs)
      .catch(() => Date.now()))
  );
}
