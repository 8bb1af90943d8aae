import { type FileHandle, link, lstat, rename, unlink, utimes } from "node:fs/promises";
import { join } from "node:path";
import type { Body } from "../../bytes/body.ts";
import { collect } from "../../bytes/collect.ts";
import { createHasher } from "../../bytes/hash.ts";
import type { ByteStream } from "../../bytes/stream.ts";
import { systemCode } from "../../errors.ts";
import type { Descriptor } from "../../spec/descriptor.ts";
import { type Algorithm, algorithmOf, type Digest, hexOf } from "../../spec/digest.ts";
import { openRegularFile, readRange } from "../file-body.ts";
import { makeFolder } from "../make-folder.ts";
import { temporaryName } from "../process-identity.ts";
import { storeError } from "../store-error.ts";
import { FolderSync } from "../sync-folder.ts";

/** Up to this size a file that is there already is hashed again before it is trusted. */
const rehashUpTo = 1024 * 1024;

/** A blob that is found present is marked as used, for `gc`, when the last mark is older than this. */
const freshMs = 5 * 60_000;

/** The files under `blobs/`: what stands under its final name there is complete. */
export class BlobFiles {
  readonly folder: string;
  readonly #label: string;
  readonly #syncs = new Map<Algorithm, FolderSync>();

  constructor(folder: string, label: string) {
    this.folder = folder;
    this.#label = label;
  }

  path(digest: Digest): string {
    return join(this.folder, "blobs", algorithmOf(digest), hexOf(digest));
  }

  /** Bytes of the blob, or undefined when it is not there or is no regular file. */
  async size(digest: Digest): Promise<number | undefined> {
    try {
      const info = await lstat(this.path(digest));
      return info.isFile() ? info.size : undefined;
    } catch (error) {
      if (systemCode(error) === "ENOENT" || systemCode(error) === "ENOTDIR") return undefined;
      throw storeError(error, this.#label, `cannot look at ${this.path(digest)}`);
    }
  }

  /** Whether anything has the blob's name, if only a link or a folder. */
  async exists(digest: Digest): Promise<boolean> {
    return lstat(this.path(digest)).then(
      () => true,
      () => false,
    );
  }

  /** Whether the blob may be taken for written: of the right size, and when small of the right digest. */
  async isTrusted(descriptor: Descriptor): Promise<boolean> {
    if ((await this.size(descriptor.digest)) !== descriptor.size) return false;
    if (descriptor.size > rehashUpTo) return true;
    return (await this.read(descriptor)) !== undefined;
  }

  /** The bytes of a small blob, or undefined when they are absent or not what the descriptor says. */
  async read(descriptor: Descriptor): Promise<Uint8Array | undefined> {
    let opened: Awaited<ReturnType<typeof openRegularFile>>;
    try {
      opened = await openRegularFile(this.path(descriptor.digest), this.#label);
    } catch {
      return undefined;
    }
    const { handle, size } = opened;
    if (size !== descriptor.size) {
      await handle.close();
      return undefined;
    }
    const bytes = await collect(readRange(handle, { start: 0, end: size, close: true }), size, "blob");
    const hasher = createHasher(algorithmOf(descriptor.digest));
    hasher.update(bytes);
    return hasher.digest() === descriptor.digest ? bytes : undefined;
  }

  /** The bytes as they are: a file of another size than the descriptor's is for the reader to refuse. */
  body(descriptor: Descriptor): Body {
    return {
      size: descriptor.size,
      open: async ({ offset, signal }): Promise<ByteStream> => {
        signal?.throwIfAborted();
        const { handle, size } = await openRegularFile(this.path(descriptor.digest), this.#label);
        // One byte beyond tells a longer file from a right one.
        const end = Math.min(size, descriptor.size + 1);
        return readRange(handle, {
          start: Math.min(offset, end),
          end,
          close: true,
          place: this.#label,
          ...(signal === undefined ? {} : { signal }),
        });
      },
    };
  }

  /** Tells `gc` that the blob is in use again. */
  async freshen(digest: Digest): Promise<void> {
    const path = this.path(digest);
    try {
      if (Date.now() - (await lstat(path)).mtimeMs < freshMs) return;
      const now = new Date();
      await utimes(path, now, now);
    } catch {
      // A layout that is only readable has no gc to fear.
    }
  }

  /** Gives a complete, checked file its final name, and makes that last. */
  async adopt(temporary: string, handle: FileHandle, digest: Digest): Promise<void> {
    try {
      await handle.datasync();
    } finally {
      await handle.close();
    }
    await this.makeFolder(digest);
    await rename(temporary, this.path(digest));
    await this.sync(digest);
  }

  /** A second name for a complete file of the same file system. @throws the system's error (EXDEV, EMLINK, …) */
  async adoptLink(from: string, digest: Digest): Promise<void> {
    await this.makeFolder(digest);
    const temporary = join(this.folder, temporaryName());
    await link(from, temporary);
    try {
      await rename(temporary, this.path(digest));
    } finally {
      // Renaming a file onto another name of itself does nothing, and leaves both.
      await unlink(temporary).catch(() => {});
    }
    await this.sync(digest);
  }

  async makeFolder(digest: Digest): Promise<void> {
    await makeFolder(join(this.folder, "blobs", algorithmOf(digest)));
  }

  async sync(digest: Digest): Promise<void> {
    const algorithm = algorithmOf(digest);
    let sync = this.#syncs.get(algorithm);
    if (sync === undefined) {
      sync = new FolderSync(join(this.folder, "blobs", algorithm));
      this.#syncs.set(algorithm, sync);
    }
    await sync.sync();
  }

  /** @returns false when there was no such blob */
  async remove(digest: Digest): Promise<boolean> {
    try {
      await unlink(this.path(digest));
    } catch (error) {
      if (systemCode(error) === "ENOENT" || systemCode(error) === "ENOTDIR") return false;
      throw storeError(error, this.#label, `cannot remove ${this.path(digest)}`);
    }
    await this.sync(digest);
    return true;
  }
}
