import { constants } from "node:fs";
import { type FileHandle, open, unlink } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Body } from "../../bytes/body.ts";
import { collect } from "../../bytes/collect.ts";
import type { ByteStream } from "../../bytes/stream.ts";
import { atPlace, LadingError } from "../../errors.ts";
import { decompress, defaultMaxRatio, sniffCompression } from "../../formats/compression.ts";
import { readTar } from "../../formats/tar/read.ts";
import { limits } from "../../spec/limits.ts";
import { fileBody, readRange } from "../file-body.ts";
import { FileWriter } from "../file-writer.ts";
import { temporaryName } from "../process-identity.ts";
import { storeError } from "../store-error.ts";

export interface OpenTarOptions {
  readonly signal?: AbortSignal;
  /** Where a compressed archive is unpacked to while it is open. Default: the system's folder for temporary files. */
  readonly tempDir?: string;
  /** Most bytes that a compressed archive may unpack to. Default: no limit but the ratio, 1100. */
  readonly maxBytes?: number;
}

interface Entry {
  readonly type: "file" | "link" | "other";
  /** Bytes from the start of the tar. */
  readonly offset: number;
  readonly size: number;
  /** For links: the name of the entry meant. */
  readonly target?: string;
}

interface Listing {
  readonly entries: ReadonlyMap<string, Entry>;
  readonly repeated: ReadonlySet<string>;
}

/** Names of more entries are not kept: an archive of images has one for each blob, and a few beside them. */
const maxEntries = 2 * limits.graphNodes;

/** How many links may lead from one to the next. */
const linkDepth = 8;

/** The files of a tar, each readable at any offset. */
export class TarFile {
  readonly #handle: FileHandle;
  readonly #entries: ReadonlyMap<string, Entry>;
  readonly #repeated: ReadonlySet<string>;
  readonly #label: string;

  constructor(handle: FileHandle, { entries, repeated }: Listing, label: string) {
    this.#handle = handle;
    this.#entries = entries;
    this.#repeated = repeated;
    this.#label = label;
  }

  /** The entry under this name, links followed inside the archive; undefined when there is no such file. */
  #find(name: string): Entry | undefined {
    let entry = this.#entries.get(normalName(name) ?? "");
    for (let depth = 0; depth < linkDepth && entry?.type === "link"; depth++) {
      entry = this.#entries.get(entry.target ?? "");
    }
    return entry?.type === "file" ? entry : undefined;
  }

  /** Bytes of a file, or undefined when there is none of this name. */
  size(name: string): number | undefined {
    return this.#find(name)?.size;
  }

  /** Whether several entries have this name: other programs may read another one of them. */
  isRepeated(name: string): boolean {
    return this.#repeated.has(name);
  }

  /** @throws LadingError ERR_LADING_NOT_FOUND */
  body(name: string): Body {
    const entry = this.#find(name);
    if (entry === undefined) {
      throw new LadingError("ERR_LADING_NOT_FOUND", `${name} is not in ${this.#label}`, {
        place: this.#label,
      });
    }
    return fileBody(this.#handle, entry, this.#label);
  }

  /** @throws LadingError ERR_LADING_NOT_FOUND, ERR_LADING_LIMIT */
  async read(name: string, limit: number): Promise<Buffer> {
    const body = this.body(name);
    const what = `${name} in ${this.#label}`;
    if (body.size > limit) {
      throw new LadingError("ERR_LADING_LIMIT", `${what} is larger than ${limit} bytes`, {
        place: this.#label,
      });
    }
    return collect(await body.open({ offset: 0 }), limit, what);
  }

  names(): IterableIterator<string> {
    return this.#entries.keys();
  }

  async close(): Promise<void> {
    await this.#handle.close();
  }
}

/**
 * Opens a tar, also one that is compressed with gzip or zstd, and notes where each file is. Content is not read: the
 * time goes with the number of entries, not with the size.
 * @throws LadingError ERR_LADING_NOT_FOUND, ERR_LADING_ARCHIVE, ERR_LADING_LIMIT, ERR_LADING_STORE
 */
export async function openTarFile(
  path: string,
  label: string,
  options: OpenTarOptions = {},
): Promise<TarFile> {
  let { handle, size } = await openArchiveFile(path, label);
  try {
    const first = Buffer.alloc(4);
    await handle.read(first, 0, 4, 0);
    if (size > 0 && sniffCompression(first) !== "none") {
      const unpacked = await unpack(handle, size, label, options);
      await handle.close();
      handle = unpacked.handle;
      size = unpacked.size;
    }
    return new TarFile(handle, await listEntries(handle, size, label, options.signal), label);
  } catch (error) {
    await handle.close();
    throw atPlace(storeError(error, label, `cannot read ${path}`), label);
  }
}

async function openArchiveFile(path: string, label: string): Promise<{ handle: FileHandle; size: number }> {
  // The user's own path may well be a link, unlike what lies inside of a layout.
  let handle: FileHandle;
  try {
    handle = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
  } catch (error) {
    throw storeError(error, label, `cannot open ${path}`);
  }
  const info = await handle.stat();
  if (info.isFile()) return { handle, size: info.size };
  await handle.close();
  throw new LadingError("ERR_LADING_STORE", `${path} is not a file`, {
    place: label,
    hint: info.isDirectory()
      ? "for a layout in a folder write oci: before the path"
      : "an archive is a tar file",
  });
}

/** Into a file that has no name any more: nothing is left of it, however the process ends. */
async function unpack(
  compressed: FileHandle,
  size: number,
  label: string,
  { signal, tempDir = tmpdir(), maxBytes }: OpenTarOptions,
): Promise<{ handle: FileHandle; size: number }> {
  const path = join(tempDir, temporaryName());
  const handle = await open(path, "wx+", 0o600);
  try {
    await unlink(path);
    const writer = new FileWriter(handle, 0);
    const range = { start: 0, end: size, close: false, place: label };
    const stream = readRange(compressed, { ...range, ...(signal === undefined ? {} : { signal }) });
    // It goes to a disk that belongs to all: the ratio holds from the start.
    const limits = { maxRatio: defaultMaxRatio, ...(maxBytes === undefined ? {} : { maxBytes }) };
    let bytes = 0;
    for await (const chunk of decompress(stream, { what: label, ...limits })) {
      signal?.throwIfAborted();
      bytes += chunk.byteLength;
      await writer.write(chunk);
    }
    await writer.flush();
    return { handle, size: bytes };
  } catch (error) {
    await handle.close();
    throw storeError(error, label, "cannot unpack the archive");
  }
}

async function listEntries(
  handle: FileHandle,
  size: number,
  label: string,
  signal: AbortSignal | undefined,
): Promise<Listing> {
  const entries = new Map<string, Entry>();
  const repeated = new Set<string>();
  const stream = new HeadersOnly(handle, size);
  const options = { what: label, ...(signal === undefined ? {} : { signal }) };
  for await (const item of readTar(stream, options)) {
    stream.skipTo(item.offset + item.storedSize);
    const name = normalName(item.name);
    if (name === undefined) continue;
    if (entries.size >= maxEntries) {
      throw new LadingError("ERR_LADING_LIMIT", `${label} has more than ${maxEntries} entries`);
    }
    if (entries.has(name)) repeated.add(name);
    if (item.type === "file" && item.sparse === undefined) {
      // As tar does, the last of several entries with one name counts.
      entries.set(name, { type: "file", offset: item.offset, size: item.size });
    } else if (item.type === "hardlink" || item.type === "symlink") {
      const target = linkTarget(name, item.type, item.linkName ?? "");
      entries.set(name, { type: "link", offset: 0, size: 0, ...(target === undefined ? {} : { target }) });
    } else entries.set(name, { type: "other", offset: 0, size: 0 });
  }
  return { entries, repeated };
}

const zeros = new Uint8Array(1024 * 1024);

/**
 * The tar as a stream for its reader, in which the content of files is zeros: the reader throws it away, so it need not
 * be read from the disk.
 */
class HeadersOnly implements AsyncIterable<Uint8Array> {
  readonly #handle: FileHandle;
  readonly #size: number;
  #skipTo = 0;

  constructor(handle: FileHandle, size: number) {
    this.#handle = handle;
    this.#size = size;
  }

  skipTo(offset: number): void {
    this.#skipTo = offset;
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array> {
    const buffer = Buffer.allocUnsafeSlow(64 * 1024);
    let position = 0;
    while (position < this.#size) {
      const known = Math.min(this.#skipTo, this.#size) - position;
      if (known > 0) {
        const piece = zeros.subarray(0, Math.min(known, zeros.byteLength));
        position += piece.byteLength;
        yield piece;
        continue;
      }
      const count = Math.min(buffer.byteLength, this.#size - position);
      const { bytesRead } = await this.#handle.read(buffer, 0, count, position);
      if (bytesRead === 0) return;
      position += bytesRead;
      yield buffer.subarray(0, bytesRead);
    }
  }
}

/** `./a//b` as `a/b`; undefined for what leads out of the archive. */
function normalName(name: string): string | undefined {
  const parts = name.split("/").filter((part) => part !== "" && part !== ".");
  return parts.length === 0 || parts.includes("..") ? undefined : parts.join("/");
}

/** The entry that a link means: names only, the file system is never asked. */
function linkTarget(name: string, type: "hardlink" | "symlink", target: string): string | undefined {
  if (type === "hardlink") return normalName(target);
  if (target.startsWith("/")) return undefined;
  const parts = name.split("/").slice(0, -1);
  for (const part of target.split("/")) {
    if (part === "" || part === ".") continue;
    if (part !== "..") parts.push(part);
    else if (parts.pop() === undefined) return undefined;
  }
  return parts.join("/");
}

/** The first bytes of a body. */
export async function firstBytes(body: Body, count: number): Promise<Buffer> {
  const stream: ByteStream = await body.open({ offset: 0 });
  const parts: Buffer[] = [];
  let size = 0;
  for await (const chunk of stream) {
    parts.push(Buffer.from(chunk.subarray(0, count - size)));
    size += chunk.byteLength;
    if (size >= count) break;
  }
  return Buffer.concat(parts);
}
