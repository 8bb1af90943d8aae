import { constants } from "node:fs";
import { type FileHandle, open, rename, stat, unlink } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { createHasher } from "../../bytes/hash.ts";
import { verify } from "../../bytes/verify.ts";
import { isLadingError, LadingError } from "../../errors.ts";
import { encodeHeader, padding, tarEnd } from "../../formats/tar/encode.ts";
import { readTar } from "../../formats/tar/read.ts";
import { algorithmOf, type Digest, isDigest } from "../../spec/digest.ts";
import { layoutFile } from "../../spec/layout-files.ts";
import { readRange } from "../file-body.ts";
import { FileWriter, writeFully } from "../file-writer.ts";
import { type Lock, takeLock } from "../lock-file.ts";
import { storeError } from "../store-error.ts";
import { syncFolder } from "../sync-folder.ts";
import { blobName } from "./oci-archive.ts";
import type { Region } from "./region.ts";

/**
 * The file of an archive while it is written: `.<name>.partial` beside its final name, with a lock. It begins with
 * `oci-layout`, then come the blobs in the order in which they were begun, at the end the documents. What a killed run
 * left there is read again, and blobs that are complete stay.
 */
export class ArchiveFile {
  readonly label: string;
  readonly regions = new Map<Digest, Region>();
  readonly #path: string;
  readonly #partial: string;
  readonly #lock: Lock;
  readonly #handle: FileHandle;
  /** Places that nothing will fill. */
  readonly #abandoned: Region[] = [];
  /** Where the next entry begins. */
  #end = 0;
  #state: "open" | "committed" | "closed" = "open";

  private constructor(path: string, partial: string, label: string, lock: Lock, handle: FileHandle) {
    this.#path = path;
    this.#partial = partial;
    this.label = label;
    this.#lock = lock;
    this.#handle = handle;
  }

  /** @throws LadingError ERR_LADING_CONFLICT when another process writes the same archive, ERR_LADING_STORE */
  static async create(path: string, label: string, signal?: AbortSignal): Promise<ArchiveFile> {
    const partial = join(dirname(path), `.${basename(path)}.partial`);
    await checkTarget(path, label);
    const abort = signal === undefined ? {} : { signal };
    const lock = await takeLock(`${partial}.lock`, { place: label, waitMs: 0, ...abort });
    let handle: FileHandle | undefined;
    try {
      const flags = constants.O_RDWR | constants.O_CREAT | constants.O_NOFOLLOW | constants.O_NONBLOCK;
      handle = await open(partial, flags, 0o644);
      if (!(await handle.stat()).isFile()) {
        throw new LadingError("ERR_LADING_STORE", `${partial} is not a file`, { place: label });
      }
      const file = new ArchiveFile(path, partial, label, lock, handle);
      await file.#recover(signal);
      return file;
    } catch (error) {
      await handle?.close();
      await lock.release();
      throw storeError(error, label, `cannot write ${partial}`);
    }
  }

  /** Takes over what a killed run left: blobs whose bytes are right; the others keep their places. */
  async #recover(signal: AbortSignal | undefined): Promise<void> {
    const { size } = await this.#handle.stat();
    const stream = readRange(this.#handle, { start: 0, end: size, close: false });
    let first = true;
    try {
      for await (const item of readTar(stream, signal === undefined ? {} : { signal })) {
        if (first !== (item.name === "oci-layout") || item.type !== "file") break;
        if (!first) await this.#recoverBlob(item.name, item.size, item.offset, item.content());
        first = false;
        this.#end = item.offset + item.size + padding(item.size).byteLength;
      }
    } catch (error) {
      signal?.throwIfAborted();
      // The end of what was written, or the one that was being written: its place is free.
      if (!isLadingError(error)) throw error;
    }
    if (this.#end > 0) return;
    await this.#handle.truncate(0);
    await this.#append("oci-layout", Buffer.from(layoutFile));
  }

  async #recoverBlob(
    name: string,
    size: number,
    dataAt: number,
    content: AsyncIterable<Uint8Array>,
  ): Promise<void> {
    const [, algorithm, hex] = /^blobs\/(sha256|sha512)\/([0-9a-f]+)$/.exec(name) ?? [];
    const digest = `${algorithm}:${hex}`;
    if (!isDigest(digest) || this.regions.has(digest)) {
      throw new LadingError("ERR_LADING_ARCHIVE", `${name} is not of an unfinished archive`);
    }
    const hasher = createHasher(algorithmOf(digest));
    for await (const chunk of content) hasher.update(chunk);
    const complete = hasher.digest() === digest;
    this.regions.set(digest, {
      digest,
      size,
      headerAt: this.#end,
      dataAt,
      complete,
      wanted: false,
      writing: undefined,
    });
  }

  /** The blob's place: the one it has, or the next free one. At once: the order of calls is the order in the archive. */
  reserve(digest: Digest, size: number): Region {
    this.#checkOpen();
    const before = this.regions.get(digest);
    if (before?.size === size) return before;
    // A descriptor with another size for the same digest: one of the two is wrong, and its write fails.
    if (before !== undefined) this.#abandoned.push({ ...before, wanted: false });
    const header = fileHeader(blobName(digest), size);
    const region: Region = {
      digest,
      size,
      headerAt: this.#end,
      dataAt: this.#end + header.byteLength,
      complete: false,
      wanted: true,
      writing: undefined,
    };
    this.#end = region.dataAt + size + padding(size).byteLength;
    this.regions.set(digest, region);
    return region;
  }

  /** Fills a region. Its content counts only once the stream has ended well and been checked. */
  async fill(region: Region, stream: AsyncIterable<Uint8Array>, on: (bytes: number) => void): Promise<void> {
    const header = fileHeader(blobName(region.digest), region.size);
    await this.#disk(writeFully(this.#handle, header, region.headerAt));
    const writer = new FileWriter(this.#handle, region.dataAt, region.size);
    try {
      for await (const chunk of verify(stream, region, this.label)) {
        await this.#disk(writer.write(chunk));
        on(chunk.byteLength);
      }
    } finally {
      await this.#disk(writer.flush());
    }
    const end = padding(region.size);
    if (end.byteLength > 0) await this.#disk(writeFully(this.#handle, end, region.dataAt + region.size));
    region.complete = true;
  }

  /** A stream over the bytes of a complete region. */
  read(region: Region, offset: number, signal?: AbortSignal): AsyncIterable<Uint8Array> {
    this.#checkOpen();
    return readRange(this.#handle, {
      start: region.dataAt + Math.min(offset, region.size),
      end: region.dataAt + region.size,
      close: false,
      place: this.label,
      exact: { size: region.size, from: region.dataAt },
      ...(signal === undefined ? {} : { signal }),
    });
  }

  /**
   * Writes the documents and the end, and gives the archive its name.
   * @throws LadingError ERR_LADING_MISSING_CONTENT when the write of a blob failed and was not made good
   */
  async commit(documents: ReadonlyMap<string, Uint8Array>, signal?: AbortSignal): Promise<void> {
    this.#checkOpen();
    const unwritten = [...this.regions.values()].filter(({ wanted, complete }) => wanted && !complete);
    if (unwritten.length > 0) {
      throw new LadingError(
        "ERR_LADING_MISSING_CONTENT",
        `${unwritten.length} blobs were not written whole`,
        {
          place: this.label,
          hint: `the first is ${unwritten[0]?.digest}; run the same again`,
        },
      );
    }
    try {
      await this.#compact(signal);
      for (const [name, bytes] of documents) await this.#append(name, bytes);
      await writeFully(this.#handle, tarEnd, this.#end);
      await this.#handle.truncate(this.#end + tarEnd.byteLength);
      await this.#handle.datasync();
      signal?.throwIfAborted();
      await rename(this.#partial, this.#path);
      await syncFolder(dirname(this.#path));
    } catch (error) {
      throw storeError(error, this.label, `cannot write ${this.#path}`);
    }
    this.#state = "committed";
    await this.#release();
  }

  /** Moves blobs together over the places of those that only an earlier run wanted. */
  async #compact(signal: AbortSignal | undefined): Promise<void> {
    const sorted = [...this.regions.values(), ...this.#abandoned].sort((a, b) => a.headerAt - b.headerAt);
    if (sorted.every(({ wanted }) => wanted)) return;
    let at = sorted[0]?.headerAt ?? this.#end;
    for (const region of sorted) {
      if (!region.wanted) {
        if (this.regions.get(region.digest) === region) this.regions.delete(region.digest);
        continue;
      }
      const size = region.dataAt - region.headerAt + region.size + padding(region.size).byteLength;
      if (at < region.headerAt) {
        // To the front: each piece is read before its place is written over.
        const range = { start: region.headerAt, end: region.headerAt + size, close: false };
        const writer = new FileWriter(this.#handle, at);
        const abort = signal === undefined ? {} : { signal };
        for await (const chunk of readRange(this.#handle, { ...range, ...abort })) await writer.write(chunk);
        await writer.flush();
        const moved = { ...region, headerAt: at, dataAt: at + (region.dataAt - region.headerAt) };
        this.regions.set(region.digest, moved);
      }
      at += size;
    }
    this.#end = at;
  }

  async #append(name: string, bytes: Uint8Array): Promise<void> {
    const blocks = Buffer.concat([fileHeader(name, bytes.byteLength), bytes, padding(bytes.byteLength)]);
    await writeFully(this.#handle, blocks, this.#end);
    this.#end += blocks.byteLength;
  }

  /** Ends the work; what was not committed goes away. */
  async close(): Promise<void> {
    if (this.#state !== "open") return;
    this.#state = "closed";
    await Promise.allSettled([...this.regions.values()].map(({ writing }) => writing));
    await unlink(this.#partial).catch(() => {});
    await this.#release();
  }

  async #release(): Promise<void> {
    await this.#handle.close();
    await this.#lock.release();
  }

  #checkOpen(): void {
    if (this.#state === "open") return;
    throw new LadingError("ERR_LADING_USAGE", `the archive is ${this.#state} already`, {
      place: this.label,
      hint: "open the finished archive to read it",
    });
  }

  async #disk<T>(work: Promise<T>): Promise<T> {
    try {
      return await work;
    } catch (error) {
      throw storeError(error, this.label, `cannot write ${this.#partial}`);
    }
  }
}

/** Fails early where the archive could not get its name at the end. */
async function checkTarget(path: string, label: string): Promise<void> {
  const folder = await stat(dirname(path)).catch(() => undefined);
  if (!folder?.isDirectory()) {
    throw new LadingError("ERR_LADING_NOT_FOUND", `the folder ${dirname(path)} is not there`, {
      place: label,
      hint: "make it first",
    });
  }
  try {
    const handle = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
    const info = await handle.stat();
    await handle.close();
    if (info.isFile()) return;
    throw new LadingError("ERR_LADING_STORE", `${path} is there and is not a file`, { place: label });
  } catch (error) {
    const failure = storeError(error, label, `cannot write ${path}`);
    if (isLadingError(failure) && failure.code === "ERR_LADING_NOT_FOUND") return;
    throw failure;
  }
}

/** The same for everyone: owner 0, time 0. */
function fileHeader(name: string, size: number): Buffer {
  return encodeHeader({ name, type: "file", mode: 0o644, uid: 0, gid: 0, mtime: 0, size });
}
