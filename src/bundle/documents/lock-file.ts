import { createReadStream } from "node:fs";
import { collect } from "../../bytes/collect.ts";
import { inPlace, isLadingError, LadingError, systemCode } from "../../errors.ts";
import { parseBundleLock } from "./bundle-lock.ts";
import { parseImagesLock } from "./images-lock.ts";
import { documentLimits } from "./limits.ts";
import type { BundleLock, ImagesLock } from "./model.ts";

export type LockFile =
  | { readonly kind: "BundleLock"; readonly lock: BundleLock }
  | { readonly kind: "ImagesLock"; readonly lock: ImagesLock };

/**
 * Reads a lock of either kind: what is no BundleLock is read as an ImagesLock, and the error of that is the one shown.
 * @param place the file that it comes from, for messages
 * @throws LadingError ERR_LADING_DOCUMENT, ERR_LADING_LIMIT
 */
export function parseLockFile(bytes: Uint8Array, place: string): LockFile {
  try {
    return { kind: "BundleLock", lock: parseBundleLock(bytes, place) };
  } catch (error) {
    if (!isLadingError(error)) throw error;
  }
  return { kind: "ImagesLock", lock: parseImagesLock(bytes, place) };
}

/**
 * The bytes of a lock on disk, to be parsed.
 * @param options.shown the path as messages have it; `path` itself when left out
 * @throws LadingError ERR_LADING_NOT_FOUND, ERR_LADING_STORE, ERR_LADING_LIMIT
 */
export async function readLockBytes(
  path: string,
  options: { readonly shown?: string; readonly signal?: AbortSignal } = {},
): Promise<Uint8Array> {
  const { shown = path, signal } = options;
  try {
    // What a file says of its size is nothing to go by: pipes and devices say 0.
    return await collect(
      createReadStream(path, { signal }),
      documentLimits.lockBytes,
      `Reading path ${shown}: it`,
    );
  } catch (error) {
    signal?.throwIfAborted();
    const reason = reasons.get(systemCode(error) ?? "");
    if (isLadingError(error) || reason === undefined) throw inPlace(shown, () => error);
    throw new LadingError(
      reason.absent ? "ERR_LADING_NOT_FOUND" : "ERR_LADING_STORE",
      `Reading path ${shown}: ${reason.call} ${shown}: ${reason.text}`,
      { cause: error },
    );
  }
}

/** What systems say of a file that cannot be read, in imgpkg's words. */
const reasons: ReadonlyMap<string, { call: "open" | "read"; text: string; absent: boolean }> = new Map([
  ["ENOENT", { call: "open", text: "no such file or directory", absent: true }],
  ["ENOTDIR", { call: "open", text: "not a directory", absent: true }],
  ["EACCES", { call: "open", text: "permission denied", absent: false }],
  ["EISDIR", { call: "read", text: "is a directory", absent: false }],
]);
