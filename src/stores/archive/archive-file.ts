import { createHasher } from "../../bytes/hash.ts";
import type { ByteStream } from "../../bytes/stream.ts";
import { isLadingError, LadingError } from "../../errors.ts";
import { encodeHeader, padding, tarEnd } from "../../formats/tar/encode.ts";
import { readTar } from "../../formats/tar/read.ts";
import { algorithmOf, type Digest, isDigest } from "../../spec/digest.ts";
import { layoutFile } from "../../spec/layout-files.ts";
import { readRange } from "../file-body.ts";
import { FileWriter, writeFully } from "../file-writer.ts";
import { storeError } from "../store-error.ts";
import { blobName } from "./oci-archive.ts";
import { PartialFile } from "./partial-file.ts";
import type { Region } from "./region.ts";

/**
 * An archive of an OCI layout while it is written. It begins with `oci-layout`, then come the blobs in the order in which
 * they were begun, at the end the documents. What a killed run left is read again, and blobs that are complete stay.
 */
export class ArchiveFile {
  readonly label: string;
  readonly regions = new Map<Digest, Region>();
  readonly #file: PartialFile;
  /** Places that nothing will fill. */
  readonly #abandoned: Region[] = [];
  /** Where the next entry begins. */
  #end = 0;

  private constructor(file: PartialFile) {
    this.label = file.label;
    this.#file = file;
  }

  /** @throws LadingError ERR_LADING_CONFLICT when another process writes the same archive, ERR_LADING_STORE */
  static async create(path: string, label: string, signal?: AbortSignal): Promise<ArchiveFile> {
    const file = await PartialFile.open(path, label, signal);
    try {
      const archive = new ArchiveFile(file);
      await archive.#recover(signal);
      return archive;
    } catch (error) {
      await file.close(true);
      throw storeError(error, label, `cannot write ${file.path}`);
    }
  }

  /** Takes over what a killed run left: blobs whose bytes are right; the others keep their places. */
  async #recover(signal: AbortSignal | undefined): Promise<void> {
    const { size } = await this.#file.handle.stat();
    const stream = readRange(this.#file.handle, { start: 0, end: size, close: false });
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
    await this.#file.handle.truncate(0);
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
    this.#file.checkOpen();
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
  async fill(region: Region, stream: ByteStream, on: (bytes: number) => void): Promise<void> {
    await this.#file.writeEntry(
      { ...region, header: fileHeader(blobName(region.digest), region.size) },
      stream,
      { on },
    );
    region.complete = true;
  }

  /** A stream over the bytes of a complete region. */
  read(region: Region, offset: number, signal?: AbortSignal): ByteStream {
    const start = region.dataAt + Math.min(offset, region.size);
    return this.#file.read(start, region.dataAt + region.size, signal);
  }

  /**
   * Writes the documents and the end, and gives the archive its name.
   * @throws LadingError ERR_LADING_MISSING_CONTENT when the write of a blob failed and was not made good
   */
  async commit(documents: ReadonlyMap<string, Uint8Array>, signal?: AbortSignal): Promise<void> {
    this.#file.checkOpen();
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
      await writeFully(this.#file.handle, tarEnd, this.#end);
    } catch (error) {
      throw storeError(error, this.label, `cannot write ${this.#file.target}`);
    }
    await this.#file.publish(this.#end + tarEnd.byteLength, signal);
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
        const writer = new FileWriter(this.#file.handle, at);
        const abort = signal === undefined ? {} : { signal };
        for await (const chunk of readRange(this.#file.handle, { ...range, ...abort }))
          await writer.write(chunk);
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
    await writeFully(this.#file.handle, blocks, this.#end);
    this.#end += blocks.byteLength;
  }

  /** Ends the work; what was not committed goes away. */
  async close(): Promise<void> {
    await Promise.allSettled([...this.regions.values()].map(({ writing }) => writing));
    await this.#file.close(false);
  }
}

/** The same for everyone: owner 0, time 0. */
function fileHeader(name: string, size: number): Buffer {
  return encodeHeader({ name, type: "file", mode: 0o644, uid: 0, gid: 0, mtime: 0, size });
}
