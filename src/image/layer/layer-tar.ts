import { closeSync, constants, fstatSync, openSync, read, readSync, type Stats } from "node:fs";
import { promisify } from "node:util";
import type { EventListener } from "../../events.ts";
import { padding, tarEnd } from "../../formats/tar/encode.ts";
import type { TimeSlice } from "../time-slice.ts";
import { cannotRead, changed } from "./disk-error.ts";
import type { PlannedEntry } from "./input.ts";

export interface LayerTarOptions {
  /**
   * The blocks before an entry's content.
   * @param modeOnDisk the mode of a file that was opened; undefined for everything else
   */
  readonly header: (entry: PlannedEntry, size: number, modeOnDisk: number | undefined) => Buffer;
  /** Gets a `file` event for each file and link. */
  readonly on?: EventListener;
}

/** Files of up to so many bytes are read with one synchronous call, larger ones on the thread pool. */
const smallFile = 256 * 1024;

/**
 * The tar of these entries, in chunks of up to 1 MiB that lie in one buffer: each is overwritten when the next is asked
 * for.
 */
export async function* layerTar(
  entries: readonly PlannedEntry[],
  slice: TimeSlice,
  options: LayerTarOptions,
): AsyncGenerator<Uint8Array> {
  const block = new Block();
  for (const entry of entries) {
    let size = 0;
    if (entry.type === "file" && entry.onDisk) {
      const fd = openFile(entry.from);
      try {
        const stat = statFile(fd, entry.from);
        size = stat.size;
        const header = options.header(entry, size, stat.mode);
        if (size <= smallFile) {
          // No generator of its own for each of very many files.
          if (!block.fits(header.length + size + 512)) yield block.take();
          block.put(header);
          block.putSmallFile(fd, entry.from, size);
        } else {
          yield* block.putAll(header);
          yield* putLargeFile(block, fd, entry.from, stat, slice);
        }
        block.put(padding(size));
      } finally {
        closeSync(fd);
      }
    } else {
      const content = entry.bytes ?? new Uint8Array(0);
      size = content.byteLength;
      const header = options.header(entry, size, undefined);
      for (const bytes of [header, content, padding(size)]) yield* block.putAll(bytes);
    }
    if (entry.type !== "directory") options.on?.({ type: "file", path: entry.name, bytes: size });
    if (slice.over) await slice.rest();
  }
  yield* block.putAll(tarEnd);
  if (!block.empty) yield block.take();
}

/** What was put and not taken yet. There is always room for a file's padding: 512 bytes are kept for it. */
class Block {
  readonly #bytes = Buffer.allocUnsafeSlow(1024 * 1024 + 512);
  #used = 0;

  get empty(): boolean {
    return this.#used === 0;
  }

  get full(): boolean {
    return this.#used >= this.#bytes.length - 512;
  }

  /** The part to read a file's next bytes into; `read` says how many they were. */
  get room(): Buffer {
    return this.#bytes.subarray(this.#used, this.#bytes.length - 512);
  }

  read(count: number): void {
    this.#used += count;
  }

  fits(count: number): boolean {
    return this.#used + count <= this.#bytes.length;
  }

  put(bytes: Uint8Array): void {
    this.#bytes.set(bytes, this.#used);
    this.#used += bytes.byteLength;
  }

  take(): Buffer {
    const taken = this.#bytes.subarray(0, this.#used);
    this.#used = 0;
    return taken;
  }

  /** Puts what may not fit. */
  *putAll(bytes: Uint8Array): Generator<Buffer> {
    for (let at = 0; at < bytes.byteLength; ) {
      if (this.full) yield this.take();
      const part = bytes.subarray(at, at + this.room.length);
      this.put(part);
      at += part.byteLength;
    }
  }

  /** One byte more is asked for than there should be, so a single call also shows that the file ends there. */
  putSmallFile(fd: number, path: string, size: number): void {
    let filled = 0;
    try {
      for (let count = -1; count !== 0 && filled <= size; filled += count) {
        count = readSync(fd, this.#bytes, this.#used + filled, size + 1 - filled, null);
        if (filled + count === size) {
          this.#used += size;
          return;
        }
      }
    } catch (error) {
      throw cannotRead(error, path);
    }
    throw filled > size ? changed(path, "it grows") : endsEarly(path, size - filled);
  }
}

const readAsync = promisify(read);

async function* putLargeFile(
  block: Block,
  fd: number,
  path: string,
  before: Stats,
  slice: TimeSlice,
): AsyncGenerator<Uint8Array> {
  for (let left = before.size; left > 0; ) {
    if (block.full) yield block.take();
    const room = block.room.subarray(0, left);
    const { bytesRead } = await readAsync(fd, room, 0, room.length, null).catch((error: unknown) => {
      throw cannotRead(error, path);
    });
    if (bytesRead === 0) throw endsEarly(path, left);
    block.read(bytesRead);
    left -= bytesRead;
    await slice.rest();
  }
  const after = statFile(fd, path);
  if (after.size > before.size) throw changed(path, "it grows");
  if (after.size < before.size) throw changed(path, "it shrinks");
  if (after.mtimeMs !== before.mtimeMs) throw changed(path, "it was written to");
}

function endsEarly(path: string, missing: number): Error {
  return changed(path, `it ends ${missing} bytes before its size`);
}

/** Follows no link and waits for no pipe: the walk saw a plain file here. */
function openFile(path: string): number {
  try {
    return openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  } catch (error) {
    throw cannotRead(error, path);
  }
}

function statFile(fd: number, path: string): Stats {
  const stat = fstatSync(fd);
  if (!stat.isFile()) throw changed(path, "it is no plain file any more");
  return stat;
}
