import { constants } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import type { Body } from "../bytes/body.ts";
import type { ByteStream } from "../bytes/stream.ts";
import { LadingError, SizeMismatchError } from "../errors.ts";
import { storeError } from "./store-error.ts";

/** Two buffers of this size per open stream: one is read while the other is used. */
const chunkSize = 512 * 1024;

export interface FileBodyRange {
  /** Bytes from the start of the file. */
  readonly offset: number;
  /** Bytes. */
  readonly size: number;
}

/**
 * A part of a file as a body. A path is opened for each stream, without following a link at its end, and closed with
 * it; a handle stays its owner's. The stream throws SizeMismatchError where the file ends before the part does.
 */
export function fileBody(file: string | FileHandle, range: FileBodyRange, place?: string): Body {
  return {
    size: range.size,
    open: async ({ offset, signal }) => {
      signal?.throwIfAborted();
      const start = range.offset + Math.min(offset, range.size);
      const end = range.offset + range.size;
      const given = typeof file !== "string";
      const handle = given ? file : (await openRegularFile(file, place)).handle;
      return readRange(handle, {
        start,
        end,
        close: !given,
        exact: { size: range.size, from: range.offset },
        ...(signal === undefined ? {} : { signal }),
        ...(place === undefined ? {} : { place }),
      });
    },
  };
}

/**
 * Opens a regular file for reading: a link at the end of the path is not followed, and a pipe or device is refused
 * without waiting for it (ggcr#2306: a stranger's layout must not lead to other files).
 * @throws LadingError ERR_LADING_NOT_FOUND, ERR_LADING_STORE
 */
export async function openRegularFile(
  path: string,
  place = path,
): Promise<{ readonly handle: FileHandle; readonly size: number }> {
  let handle: FileHandle;
  try {
    handle = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  } catch (error) {
    throw storeError(error, place, `cannot open ${path}`);
  }
  try {
    const info = await handle.stat();
    if (info.isFile()) return { handle, size: info.size };
  } catch (error) {
    await handle.close();
    throw storeError(error, place, `cannot read ${path}`);
  }
  await handle.close();
  throw new LadingError("ERR_LADING_STORE", `${path} is not a regular file`, { place });
}

export interface ReadRange {
  readonly start: number;
  /** The byte after the last. */
  readonly end: number;
  /** Closes the handle with the stream. */
  readonly close: boolean;
  /** When set, a file that ends before `end` is an error; else the stream ends with it. */
  readonly exact?: { readonly size: number; readonly from: number };
  readonly signal?: AbortSignal;
  readonly place?: string;
}

/**
 * Reads a part of an open file in large pieces, one ahead of its consumer. The two buffers are used again and again, as
 * ByteStream allows.
 */
export function readRange(handle: FileHandle, range: ReadRange): ByteStream {
  const stream = readPieces(handle, range);
  if (!range.close) return stream;
  // A generator that was never started runs no `finally`: close for a consumer that leaves at once.
  const finish = stream.return.bind(stream);
  stream.return = async (value) => {
    const result = await finish(value);
    await handle.close().catch(() => {});
    return result;
  };
  return stream;
}

async function* readPieces(handle: FileHandle, range: ReadRange): AsyncGenerator<Uint8Array> {
  const { start, end, signal } = range;
  let ahead: Promise<Uint8Array> | undefined;
  try {
    const length = Math.min(chunkSize, end - start);
    const buffers = [Buffer.allocUnsafeSlow(Math.max(length, 0)), undefined];
    let position = start;
    let turn = 0;
    const readNext = (): Promise<Uint8Array> | undefined => {
      if (position >= end) return undefined;
      buffers[turn] ??= Buffer.allocUnsafeSlow(length);
      const buffer = buffers[turn] as Buffer;
      const count = Math.min(buffer.byteLength, end - position);
      turn = 1 - turn;
      const from = position;
      position += count;
      const result = readFully(handle, buffer, count, from, range.place);
      // Its failure is thrown when its turn comes.
      result.catch(() => {});
      return result;
    };
    let at = start;
    ahead = readNext();
    while (ahead !== undefined) {
      const chunk = await ahead;
      signal?.throwIfAborted();
      const short = chunk.byteLength < Math.min(length, end - at);
      ahead = short ? undefined : readNext();
      at += chunk.byteLength;
      if (chunk.byteLength > 0) yield chunk;
      signal?.throwIfAborted();
    }
    if (at < end && range.exact !== undefined) {
      throw new SizeMismatchError(range.exact.size, Math.max(0, at - range.exact.from), {
        ...(range.place === undefined ? {} : { place: range.place }),
        hint: "the file was cut or changed while it was read",
      });
    }
  } finally {
    await ahead?.catch(() => {});
    if (range.close) await handle.close().catch(() => {});
  }
}

/** Reads until the buffer is full or the file ends. */
async function readFully(
  handle: FileHandle,
  buffer: Buffer,
  count: number,
  position: number,
  place: string | undefined,
): Promise<Uint8Array> {
  let filled = 0;
  try {
    while (filled < count) {
      const { bytesRead } = await handle.read(buffer, filled, count - filled, position + filled);
      if (bytesRead === 0) break;
      filled += bytesRead;
    }
  } catch (error) {
    throw storeError(error, place ?? "file", "cannot read");
  }
  return buffer.subarray(0, filled);
}
