import { constants } from "node:fs";
import { type FileHandle, open, rename, stat, unlink } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { type ByteStream, skip } from "../../bytes/stream.ts";
import { verify } from "../../bytes/verify.ts";
import { isLadingError, LadingError } from "../../errors.ts";
import { padding } from "../../formats/tar/encode.ts";
import type { Digest } from "../../spec/digest.ts";
import { readRange } from "../file-body.ts";
import { FileWriter, writeFully } from "../file-writer.ts";
import { type Lock, takeLock } from "../lock-file.ts";
import { storeError } from "../store-error.ts";
import { syncFolder } from "../sync-folder.ts";

/** A blob's entry in a tar that is being written, and where it goes. */
export interface EntryPlace {
  readonly header: Uint8Array;
  readonly digest: Digest;
  /** Bytes of content. */
  readonly size: number;
  /** Where the header begins, in bytes from the start of the file. */
  readonly headerAt: number;
}

export interface WriteEntryOptions {
  /** So many bytes of the content are in their place already: they are checked with the rest and not written again. */
  readonly kept?: number;
  /** Told of the bytes that were taken. */
  readonly on?: (bytes: number) => void;
}

/**
 * The file of an archive while it is written: `.<name>.partial` beside its final name, with a lock, so that one process
 * writes at a time. It gets its name when it is whole; what stood under that name stays until then.
 */
export class PartialFile {
  readonly label: string;
  /** Where the file will be. */
  readonly target: string;
  /** Where it is now. */
  readonly path: string;
  readonly handle: FileHandle;
  readonly #lock: Lock;
  #state: "open" | "published" | "closed" = "open";
  #refused = false;

  private constructor(target: string, path: string, label: string, lock: Lock, handle: FileHandle) {
    this.target = target;
    this.path = path;
    this.label = label;
    this.#lock = lock;
    this.handle = handle;
  }

  /**
   * Opens what an earlier run left, or a new file.
   * @throws LadingError ERR_LADING_CONFLICT when another process writes the same archive, ERR_LADING_NOT_FOUND for a
   * folder that is not there, ERR_LADING_STORE
   */
  static async open(target: string, label: string, signal?: AbortSignal): Promise<PartialFile> {
    const path = join(dirname(target), `.${basename(target)}.partial`);
    await checkTarget(target, label);
    const abort = signal === undefined ? {} : { signal };
    const lock = await takeLock(`${path}.lock`, { place: label, waitMs: 0, ...abort });
    let handle: FileHandle | undefined;
    try {
      handle = await openOwn(path);
      if (!(await handle.stat()).isFile()) {
        throw new LadingError("ERR_LADING_STORE", `${path} is not a file`, { place: label });
      }
      return new PartialFile(target, path, label, lock, handle);
    } catch (error) {
      await handle?.close();
      await lock.release();
      throw storeError(error, label, `cannot write ${path}`);
    }
  }

  /** Whether the disk has refused something: then trying the same again needs more than the rest of the content. */
  get refused(): boolean {
    return this.#refused;
  }

  /** Awaits work on the file. @throws LadingError ERR_LADING_STORE when the disk refuses it */
  async disk<T>(work: Promise<T>): Promise<T> {
    try {
      return await work;
    } catch (error) {
      this.#refused = true;
      throw storeError(error, this.label, `cannot write ${this.path}`);
    }
  }

  /**
   * Writes an entry in its place. Its content counts only when this resolves: the stream has ended well and was checked.
   * @throws DigestMismatchError, SizeMismatchError, LadingError ERR_LADING_STORE, and what the stream throws
   */
  async writeEntry(place: EntryPlace, stream: ByteStream, options: WriteEntryOptions = {}): Promise<void> {
    const { kept = 0, on } = options;
    const { header, headerAt, size } = place;
    await this.disk(writeFully(this.handle, header, headerAt));
    const dataAt = headerAt + header.byteLength;
    const writer = new FileWriter(this.handle, dataAt + kept, size - kept);
    try {
      for await (const chunk of skip(verify(stream, place, this.label), kept)) {
        await this.disk(writer.write(chunk));
        on?.(chunk.byteLength);
      }
    } finally {
      await this.disk(writer.flush());
    }
    const end = padding(size);
    if (end.byteLength > 0) await this.disk(writeFully(this.handle, end, dataAt + size));
  }

  /** Bytes of the file from `start` to before `end`; fewer throw SizeMismatchError. */
  read(start: number, end: number, signal?: AbortSignal): ByteStream {
    this.checkOpen();
    return readRange(this.handle, {
      start,
      end,
      close: false,
      place: this.label,
      exact: { size: end - start, from: start },
      ...(signal === undefined ? {} : { signal }),
    });
  }

  /** Cuts the file to its size, and gives it its name once all of it is on the disk. */
  async publish(size: number, signal?: AbortSignal): Promise<void> {
    this.checkOpen();
    await this.disk(this.handle.truncate(size));
    await this.disk(this.handle.datasync());
    signal?.throwIfAborted();
    await this.disk(rename(this.path, this.target));
    await this.disk(syncFolder(dirname(this.target)));
    this.#state = "published";
    await this.#release();
  }

  /** Ends the work without a result, unless it is published. @param keep leaves the file for the next run */
  async close(keep: boolean): Promise<void> {
    if (this.#state !== "open") return;
    this.#state = "closed";
    if (!keep) await unlink(this.path).catch(() => {});
    await this.#release();
  }

  async #release(): Promise<void> {
    await this.handle.close();
    await this.#lock.release();
  }

  checkOpen(): void {
    if (this.#state === "open") return;
    const state = this.#state === "published" ? "committed" : "closed";
    throw new LadingError("ERR_LADING_USAGE", `the archive is ${state} already`, {
      place: this.label,
      hint: "open the finished archive to read it",
    });
  }
}

/**
 * What an earlier run left, or a new file. One that has a second name, or belongs to somebody else, was put there: it goes,
 * so that nothing is written into a file of others, and nobody but us can change what has been checked.
 */
async function openOwn(path: string): Promise<FileHandle> {
  const flags = constants.O_RDWR | constants.O_CREAT | constants.O_NOFOLLOW | constants.O_NONBLOCK;
  const handle = await open(path, flags, 0o666);
  const { nlink, uid } = await handle.stat();
  if (nlink === 1 && (process.geteuid === undefined || uid === process.geteuid())) return handle;
  await handle.close();
  await unlink(path);
  return await open(path, flags | constants.O_EXCL, 0o666);
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
