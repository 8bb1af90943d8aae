import { randomBytes } from "node:crypto";
import { constants } from "node:fs";
import { type FileHandle, lstat, open, readdir, unlink } from "node:fs/promises";
import { join } from "node:path";
import { createHasher, type Hasher } from "../../bytes/hash.ts";
import type { ByteStream } from "../../bytes/stream.ts";
import { DigestMismatchError, LadingError, systemCode } from "../../errors.ts";
import type { Descriptor } from "../../spec/descriptor.ts";
import { type Algorithm, algorithmOf, type Digest } from "../../spec/digest.ts";
import { mediaTypes } from "../../spec/media-type.ts";
import { readRange } from "../file-body.ts";
import { FileWriter } from "../file-writer.ts";
import { makeFolder } from "../make-folder.ts";
import type { CallOptions, Upload } from "../store.ts";
import { storeError } from "../store-error.ts";
import type { BlobFiles } from "./blob-files.ts";
import { newFileFlags } from "./new-file.ts";

/** An upload as it lies on disk. */
export interface UploadInfo {
  readonly id: string;
  /** Bytes. */
  readonly size: number;
  /** When bytes last came in. */
  readonly modified: Date;
}

const filePattern = /^([0-9a-f]{32})\.(sha256|sha512)$/;

/** Blobs that arrive in pieces, each in a file under `.uploads/`, so that a session outlives the process. */
export class Uploads {
  readonly #folder: string;
  readonly #files: BlobFiles;
  readonly #label: string;
  /** Sessions of this process: they carry the running hash. */
  readonly #open = new Map<string, FileUpload>();

  constructor(files: BlobFiles, label: string) {
    this.#folder = join(files.folder, ".uploads");
    this.#files = files;
    this.#label = label;
  }

  async start(algorithm: Algorithm): Promise<Upload> {
    const id = randomBytes(16).toString("hex");
    const path = join(this.#folder, `${id}.${algorithm}`);
    try {
      await makeFolder(this.#folder);
      await (await open(path, newFileFlags, 0o644)).close();
    } catch (error) {
      throw storeError(error, this.#label, "cannot start an upload");
    }
    return this.#keep(new FileUpload(id, path, algorithm, 0, createHasher(algorithm), this.#context()));
  }

  async resume(id: string): Promise<Upload | undefined> {
    const before = this.#open.get(id);
    if (before !== undefined) return before;
    if (!/^[0-9a-f]{32}$/.test(id)) return undefined;
    for (const algorithm of ["sha256", "sha512"] as const) {
      const path = join(this.#folder, `${id}.${algorithm}`);
      const info = await lstat(path).catch(() => undefined);
      // Its hash is made anew from the file when it is needed.
      if (info?.isFile()) {
        return (
          this.#open.get(id) ??
          this.#keep(new FileUpload(id, path, algorithm, info.size, undefined, this.#context()))
        );
      }
    }
    return undefined;
  }

  /** All uploads that were begun and not finished, of this process and of dead ones. */
  async *list(): AsyncGenerator<UploadInfo> {
    for (const name of await readdir(this.#folder).catch(() => [] as string[])) {
      const id = filePattern.exec(name)?.[1];
      if (id === undefined) continue;
      const info = await lstat(join(this.#folder, name)).catch(() => undefined);
      if (info?.isFile()) yield { id, size: info.size, modified: info.mtime };
    }
  }

  /** Discards uploads to which nothing came for this long, except those at work just now. */
  async expire(olderThanMs: number): Promise<number> {
    let count = 0;
    for await (const { id, modified } of this.list()) {
      if (Date.now() - modified.getTime() < olderThanMs || this.#open.get(id)?.busy) continue;
      await (await this.resume(id))?.discard();
      count++;
    }
    return count;
  }

  #keep(upload: FileUpload): Upload {
    this.#open.set(upload.id, upload);
    return upload;
  }

  #context(): UploadContext {
    return { files: this.#files, label: this.#label, ended: (id) => this.#open.delete(id) };
  }
}

interface UploadContext {
  readonly files: BlobFiles;
  readonly label: string;
  readonly ended: (id: string) => void;
}

class FileUpload implements Upload {
  readonly id: string;
  readonly #path: string;
  readonly #algorithm: Algorithm;
  readonly #context: UploadContext;
  #offset: number;
  /** Of the first `#offset` bytes; undefined when it has to be made from the file. */
  #hasher: Hasher | undefined;
  #busy = false;

  constructor(
    id: string,
    path: string,
    algorithm: Algorithm,
    offset: number,
    hasher: Hasher | undefined,
    context: UploadContext,
  ) {
    this.id = id;
    this.#path = path;
    this.#algorithm = algorithm;
    this.#offset = offset;
    this.#hasher = hasher;
    this.#context = context;
  }

  get offset(): number {
    return this.#offset;
  }

  get busy(): boolean {
    return this.#busy;
  }

  async append(stream: ByteStream, options: CallOptions = {}): Promise<number> {
    return this.#alone(async () => {
      const handle = await this.#openFile();
      try {
        const hasher = this.#hasher ?? (await this.#hash(handle, this.#algorithm));
        this.#hasher = hasher;
        const writer = new FileWriter(handle, this.#offset);
        let taken = 0;
        try {
          for await (const chunk of stream) {
            options.signal?.throwIfAborted();
            hasher.update(chunk);
            taken += chunk.byteLength;
            await this.#written(handle, writer.write(chunk));
          }
        } finally {
          await this.#written(handle, writer.flush());
          // Set back when a piece could not be written.
          if (this.#hasher !== undefined) this.#offset += taken;
        }
      } finally {
        await handle.close();
      }
      return this.#offset;
    });
  }

  /** What of the last pieces is on disk cannot be told after a failure: back to where all was well. */
  async #written(handle: FileHandle, work: Promise<void>): Promise<void> {
    try {
      await work;
    } catch (error) {
      this.#hasher = undefined;
      await handle.truncate(this.#offset).catch(() => {});
      throw storeError(error, this.#context.label, "cannot write the upload");
    }
  }

  async finish(digest: Digest, options: CallOptions = {}): Promise<Descriptor> {
    return this.#alone(async () => {
      const { files, label, ended } = this.#context;
      const algorithm = algorithmOf(digest);
      const handle = await this.#openFile();
      let closed = false;
      try {
        const running = algorithm === this.#algorithm ? this.#hasher?.copy() : undefined;
        const actual = (running ?? (await this.#hash(handle, algorithm, options.signal))).digest();
        options.signal?.throwIfAborted();
        if (actual !== digest) {
          await unlink(this.#path).catch(() => {});
          ended(this.id);
          throw new DigestMismatchError(digest, actual, { place: label });
        }
        const descriptor = { mediaType: mediaTypes.octetStream, digest, size: this.#offset };
        // Its last bytes may be old; the blob is new, and `gc` must give it its time.
        const now = new Date();
        await this.#disk(handle.utimes(now, now));
        closed = true;
        await this.#disk(files.adopt(this.#path, handle, digest));
        ended(this.id);
        return descriptor;
      } finally {
        if (!closed) await handle.close();
      }
    });
  }

  async discard(): Promise<void> {
    this.#context.ended(this.id);
    await unlink(this.#path).catch((error) => {
      if (systemCode(error) !== "ENOENT") throw storeError(error, this.#context.label, "cannot discard");
    });
  }

  async #alone<T>(work: () => Promise<T>): Promise<T> {
    if (this.#busy) {
      throw new LadingError("ERR_LADING_CONFLICT", "the upload is being written by another request", {
        place: this.#context.label,
        retryable: true,
      });
    }
    this.#busy = true;
    try {
      return await work();
    } finally {
      this.#busy = false;
    }
  }

  async #openFile(): Promise<FileHandle> {
    const handle = await this.#disk(open(this.#path, constants.O_RDWR | constants.O_NOFOLLOW));
    return handle;
  }

  async #hash(handle: FileHandle, algorithm: Algorithm, signal?: AbortSignal): Promise<Hasher> {
    const hasher = createHasher(algorithm);
    const range = { start: 0, end: this.#offset, close: false, place: this.#context.label };
    const exact = { size: this.#offset, from: 0 };
    const stream = readRange(handle, { ...range, exact, ...(signal === undefined ? {} : { signal }) });
    for await (const chunk of stream) hasher.update(chunk);
    return hasher;
  }

  async #disk<T>(work: Promise<T>): Promise<T> {
    try {
      return await work;
    } catch (error) {
      throw storeError(error, this.#context.label, "cannot write the upload");
    }
  }
}
