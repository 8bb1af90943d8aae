import type { Body } from "../../bytes/body.ts";
import { DigestMismatchError, isLadingError, SizeMismatchError } from "../../errors.ts";
import type { Descriptor } from "../../spec/descriptor.ts";
import type { Digest } from "../../spec/digest.ts";
import { FileWriter } from "../file-writer.ts";
import type { WriteOptions, Written } from "../store.ts";
import { storeError } from "../store-error.ts";
import type { BlobFiles } from "./blob-files.ts";
import { leave, openUnfinished, startOver, type Unfinished } from "./partial.ts";

/** Writes blobs so that under their final names they are complete, whatever breaks on the way. */
export class BlobWriter {
  readonly #files: BlobFiles;
  readonly #label: string;
  readonly #running = new Map<Digest, Promise<Written>>();

  constructor(files: BlobFiles, label: string) {
    this.#files = files;
    this.#label = label;
  }

  /** @throws DigestMismatchError, SizeMismatchError, LadingError ERR_LADING_STORE, and what the body throws */
  async write(descriptor: Descriptor, body: Body, options: WriteOptions = {}): Promise<Written> {
    for (;;) {
      options.signal?.throwIfAborted();
      const running = this.#running.get(descriptor.digest);
      if (running === undefined) break;
      // Another write of the same blob: when it ends well there is nothing left to do.
      await orAborted(running, options.signal);
    }
    const writing = this.#write(descriptor, body, options).finally(() =>
      this.#running.delete(descriptor.digest),
    );
    this.#running.set(descriptor.digest, writing);
    return writing;
  }

  async #write(descriptor: Descriptor, body: Body, options: WriteOptions): Promise<Written> {
    const { digest } = descriptor;
    if (await this.#files.isTrusted(descriptor)) {
      await this.#files.freshen(digest);
      return "present";
    }
    const unfinished = await this.#disk(openUnfinished(this.#files.folder, descriptor, options.signal));
    const failure = { onDisk: false };
    try {
      const resumed = unfinished.offset > 0;
      options.on?.({ type: "started", descriptor, to: this.#label, offset: unfinished.offset });
      let actual = await this.#take(unfinished, descriptor, body, options, failure);
      if (actual !== digest && resumed) {
        // The part that was left over may be what is wrong: a crash can leave anything in it.
        await this.#disk(startOver(unfinished, digest), failure);
        options.on?.({ type: "restarted", descriptor, to: this.#label, offset: 0 });
        actual = await this.#take(unfinished, descriptor, body, options, failure);
      }
      if (actual !== digest) throw new DigestMismatchError(digest, actual, { place: this.#label });
      options.signal?.throwIfAborted();
      await this.#disk(this.#files.adopt(unfinished.path, unfinished.handle, digest), failure);
      return "written";
    } catch (error) {
      const keep = !failure.onDisk && !isIntegrity(error);
      await leave(this.#files.folder, unfinished, digest, keep).catch(() => {});
      throw error;
    }
  }

  /** Reads the rest of the body into the file. Resolves to the digest of the whole. */
  async #take(
    unfinished: Unfinished,
    descriptor: Descriptor,
    body: Body,
    { signal, on }: WriteOptions,
    failure: { onDisk: boolean },
  ): Promise<Digest> {
    const { size } = descriptor;
    const writer = new FileWriter(unfinished.handle, unfinished.offset, size - unfinished.offset);
    try {
      // A part that is complete already needs nothing from the source.
      if (unfinished.offset < size || size === 0) {
        const from = { offset: unfinished.offset, ...(signal === undefined ? {} : { signal }) };
        for await (const chunk of await body.open(from)) {
          signal?.throwIfAborted();
          const total = unfinished.offset + chunk.byteLength;
          if (total > size) throw new SizeMismatchError(size, total, { place: this.#label });
          unfinished.hasher.update(chunk);
          unfinished.offset = total;
          await this.#disk(writer.write(chunk), failure);
          on?.({ type: "progress", descriptor, to: this.#label, bytes: chunk.byteLength });
        }
      }
    } finally {
      await this.#disk(writer.flush(), failure);
    }
    if (unfinished.offset < size) {
      throw new SizeMismatchError(size, unfinished.offset, { place: this.#label, retryable: true });
    }
    return unfinished.hasher.digest();
  }

  async #disk<T>(work: Promise<T>, failure?: { onDisk: boolean }): Promise<T> {
    try {
      return await work;
    } catch (error) {
      if (failure !== undefined) failure.onDisk = true;
      throw storeError(error, this.#label, "cannot write a blob");
    }
  }
}

function isIntegrity(error: unknown): boolean {
  return (
    isLadingError(error) &&
    (error.code === "ERR_LADING_DIGEST_MISMATCH" || error.code === "ERR_LADING_SIZE_MISMATCH")
  );
}

/** Waits for the work's end, good or bad, or for the abort. */
export async function orAborted(work: Promise<unknown>, signal: AbortSignal | undefined): Promise<void> {
  const settled = work.then(
    () => {},
    () => {},
  );
  if (signal === undefined) return settled;
  signal.throwIfAborted();
  let stop = (): void => {};
  const aborted = new Promise<never>((_, reject) => {
    stop = () => reject(signal.reason);
    signal.addEventListener("abort", stop, { once: true });
  });
  try {
    await Promise.race([settled, aborted]);
  } finally {
    signal.removeEventListener("abort", stop);
  }
}
