import { constants } from "node:fs";
import { type FileHandle, open, rename, unlink } from "node:fs/promises";
import { join } from "node:path";
import { createHasher, type Hasher } from "../../bytes/hash.ts";
import { systemCode } from "../../errors.ts";
import type { Descriptor } from "../../spec/descriptor.ts";
import { algorithmOf, type Digest, hexOf } from "../../spec/digest.ts";
import { readRange } from "../file-body.ts";
import { temporaryName } from "../process-identity.ts";
import { newFileFlags } from "./new-file.ts";

/** Less than this is fetched again sooner than it is looked at. Bytes. */
export const partialFrom = 1024 * 1024;

/** How a digest is written in file names outside of `blobs/`. */
export function digestInName(digest: Digest): string {
  return `${algorithmOf(digest)}-${hexOf(digest)}`;
}

export function partialName(digestName: string): string {
  return `.partial-${digestName}`;
}

export const partialPattern = /^\.partial-(sha256-[0-9a-f]{64}|sha512-[0-9a-f]{128})$/;

/** A blob that is being written: its file, how much of it is there, and the hash of that. */
export interface Unfinished {
  readonly path: string;
  readonly handle: FileHandle;
  offset: number;
  hasher: Hasher;
}

/**
 * A file for this blob: the part that an earlier attempt left, or a new one. Renaming the part takes it: of two processes
 * only one gets it.
 */
export async function openUnfinished(
  folder: string,
  descriptor: Descriptor,
  signal?: AbortSignal,
): Promise<Unfinished> {
  const { digest, size } = descriptor;
  const path = join(folder, temporaryName(digestInName(digest)));
  if (size >= partialFrom) {
    const taken = await takePart(join(folder, partialName(digestInName(digest))), path, descriptor, signal);
    if (taken !== undefined) return taken;
  }
  const handle = await open(path, newFileFlags, 0o644);
  return { path, handle, offset: 0, hasher: createHasher(algorithmOf(digest)) };
}

async function takePart(
  part: string,
  path: string,
  { digest, size }: Descriptor,
  signal: AbortSignal | undefined,
): Promise<Unfinished | undefined> {
  try {
    await rename(part, path);
  } catch (error) {
    if (systemCode(error) === "ENOENT") return undefined;
    throw error;
  }
  let handle: FileHandle | undefined;
  try {
    handle = await open(path, constants.O_RDWR | constants.O_NOFOLLOW | constants.O_NONBLOCK);
    const info = await handle.stat();
    const hasher = createHasher(algorithmOf(digest));
    if (info.isFile() && info.size <= size) {
      const range = { start: 0, end: info.size, close: false, ...(signal === undefined ? {} : { signal }) };
      for await (const chunk of readRange(handle, range)) hasher.update(chunk);
      return { path, handle, offset: info.size, hasher };
    }
  } catch (error) {
    await handle?.close();
    if (signal?.aborted) {
      await rename(path, part).catch(() => {});
      throw error;
    }
    handle = undefined;
  }
  await handle?.close();
  // A link, a folder or something longer than the blob: not ours to go on with.
  await unlink(path).catch(() => {});
  return undefined;
}

/** Begins again with nothing. */
export async function startOver(unfinished: Unfinished, digest: Digest): Promise<void> {
  await unfinished.handle.truncate(0);
  unfinished.offset = 0;
  unfinished.hasher = createHasher(algorithmOf(digest));
}

/** Gives up the write. What is long enough is kept for the next attempt when `keep` says so. */
export async function leave(
  folder: string,
  unfinished: Unfinished,
  digest: Digest,
  keep: boolean,
): Promise<void> {
  const size = keep ? await unfinished.handle.stat().then((info) => info.size) : 0;
  await unfinished.handle.close().catch(() => {});
  if (size >= partialFrom) await rename(unfinished.path, join(folder, partialName(digestInName(digest))));
  else await unlink(unfinished.path).catch(() => {});
}
