import { type ByteStream, observe } from "../bytes/stream.ts";
import { LadingError } from "../errors.ts";
import type { Compression } from "../spec/media-type.ts";
import { gunzip } from "./gzip/gunzip.ts";
import { gzip } from "./gzip/gzip.ts";
import { unzstd } from "./zstd/unzstd.ts";
import { zstd } from "./zstd/zstd.ts";

/** Beyond what deflate can do (1032:1), so that gzip is bounded by its own size: zeros are honest content, too. */
export const defaultMaxRatio = 1100;

/** What zstd, which reaches 30,000:1 and more, may come to all the same. More than any layer of zeros that is meant. */
const anyRatioUpTo = 64 * 1024 ** 3;

/** The same where the caller sets the ratio: small content is no danger. */
const setRatioFrom = 100 * 1024 ** 2;

export interface DecompressOptions {
  /** What messages call the content. */
  readonly what?: string;
  /** Most bytes that come out. Default: no limit but the ratio. */
  readonly maxBytes?: number;
  /**
   * Most bytes out per byte in, once 100 MiB are out; Infinity allows any. Default: 1100 once 64 GiB are out, which no
   * gzip reaches, and no zstd of content up to that size.
   */
  readonly maxRatio?: number;
}

/** Bytes that {@link sniffCompression} wants to see. */
const sniffLength = 4;

/** How content is compressed, by its first bytes (4 are enough). Skippable zstd frames count as zstd. */
export function sniffCompression(first: Uint8Array): Compression {
  if (first[0] === 0x1f && first[1] === 0x8b) return "gzip";
  if (first.byteLength >= 4) {
    const magic = new DataView(first.buffer, first.byteOffset, 4).getUint32(0, true);
    if (magic === 0xfd2fb528 || (magic & 0xfffffff0) === 0x184d2a50) return "zstd";
  }
  return "none";
}

/**
 * Unpacks a stream by what its bytes are (gzip, zstd or neither), whatever its media type says.
 * @throws LadingError ERR_LADING_ARCHIVE for damaged or truncated content, ERR_LADING_LIMIT
 */
export async function* decompress(
  stream: ByteStream,
  options: DecompressOptions = {},
): AsyncGenerator<Uint8Array> {
  const what = options.what ?? "compressed data";
  const iterator = stream[Symbol.asyncIterator]();
  let finished = false;
  try {
    const held: Uint8Array[] = [];
    let size = 0;
    while (size < sniffLength) {
      const next = await iterator.next();
      if (next.done === true) {
        finished = true;
        break;
      }
      held.push(Buffer.from(next.value));
      size += next.value.byteLength;
    }
    const first = Buffer.concat(held, size);
    const input = rest(first, iterator);
    let read = 0;
    const counted = observe(input, (bytes) => {
      read += bytes;
    });
    const output = unpack(sniffCompression(first), counted, what);
    yield* limited(output, () => read, what, options);
    finished = true;
  } finally {
    if (!finished) await iterator.return?.();
  }
}

async function* rest(first: Uint8Array, iterator: AsyncIterator<Uint8Array>): AsyncGenerator<Uint8Array> {
  if (first.byteLength > 0) yield first;
  for (let next = await iterator.next(); next.done !== true; next = await iterator.next()) yield next.value;
}

function unpack(compression: Compression, stream: ByteStream, what: string): ByteStream {
  switch (compression) {
    case "gzip":
      return gunzip(stream, { what });
    case "zstd":
      return unzstd(stream, { what });
    case "none":
      return stream;
  }
}

/** How many bytes may come out of the first `read`, by the ratio alone. */
export function mostBytesOut(read: number, maxRatio?: number): number {
  return maxRatio === undefined
    ? Math.max(anyRatioUpTo, defaultMaxRatio * read)
    : Math.max(setRatioFrom, maxRatio * read);
}

async function* limited(
  stream: ByteStream,
  read: () => number,
  what: string,
  { maxBytes = Number.POSITIVE_INFINITY, maxRatio }: DecompressOptions,
): AsyncGenerator<Uint8Array> {
  let written = 0;
  for await (const chunk of stream) {
    written += chunk.byteLength;
    if (written > maxBytes) {
      throw new LadingError("ERR_LADING_LIMIT", `${what} unpacks to more than ${maxBytes} bytes`);
    }
    if (written > mostBytesOut(read(), maxRatio)) {
      throw new LadingError(
        "ERR_LADING_LIMIT",
        `${what} unpacks to more than ${maxRatio ?? defaultMaxRatio} times its size: ${written} bytes out of ${read()}`,
        { hint: "it looks like a decompression bomb; if it is not, make it less compressible" },
      );
    }
    yield chunk;
  }
}

export interface CompressOptions {
  /** 1 to 9 for gzip, 1 to 19 for zstd. */
  readonly level?: number;
  readonly signal?: AbortSignal;
}

/**
 * Compresses a stream. @throws LadingError ERR_LADING_USAGE for a level that does not exist, ERR_LADING_UNSUPPORTED for
 * zstd on a Node without it
 */
export function compress(
  stream: ByteStream,
  compression: Compression,
  options: CompressOptions = {},
): ByteStream {
  switch (compression) {
    case "gzip":
      return gzip(stream, options);
    case "zstd":
      return zstd(stream, options);
    case "none":
      return stream;
  }
}
