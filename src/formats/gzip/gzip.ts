import { availableParallelism } from "node:os";
import { constants, crc32, deflateRaw } from "node:zlib";
import type { ByteStream } from "../../bytes/stream.ts";
import { LadingError } from "../../errors.ts";
import { looksRandom } from "./noise.ts";

export interface GzipOptions {
  /** 1 (fastest; stores blocks of noise as they are) to 9 (smallest). Default {@link defaultGzipLevel}. */
  readonly level?: number;
  /** Bytes of input per block, at least 32 KiB. The output depends on it. Default 512 KiB. */
  readonly blockSize?: number;
  readonly signal?: AbortSignal;
}

/** Fast enough to keep up with networks; 10 % larger than level 6 (docs/decisions/0002-compression.md). */
export const defaultGzipLevel = 1;

/**
 * 512 KiB cost 0.03 % of size against one block for all, and keep zeros below the 1000:1 at which many readers take a
 * stream for a bomb (larger blocks would not).
 */
const defaultBlockSize = 512 * 1024;

/** How far back deflate looks (RFC 1951). */
const windowSize = 32 * 1024;

/**
 * Everything that decides on the bytes is fixed here, not left to Node's defaults. memLevel 8 is also the one at which
 * zlib builds the same hash table with and without the processor's vector instructions.
 */
const deflateOptions = { windowBits: 15, memLevel: 8, strategy: constants.Z_DEFAULT_STRATEGY } as const;

/** An empty last block with fixed codes (RFC 1951, 3.2.6): it lets every real block be the same kind of block. */
const finalBlock = Buffer.from([0x03, 0x00]);

interface Slot {
  readonly input: Buffer;
  output: Promise<Buffer>;
}

/**
 * Compresses to one ordinary gzip member (RFC 1952), many blocks at once on the thread pool. Each block starts with the
 * 32 KiB before it as its dictionary, so nothing is lost against compressing in one go. The output depends only on the
 * content, the level and the block size: not on how the input is cut into chunks, the number of cores or threads, or
 * the time.
 * @throws LadingError ERR_LADING_USAGE for a bad level or block size
 */
export async function* gzip(stream: ByteStream, options: GzipOptions = {}): AsyncGenerator<Uint8Array> {
  const { level = defaultGzipLevel, blockSize = defaultBlockSize, signal } = options;
  if (!Number.isInteger(level) || level < 1 || level > 9) {
    throw new LadingError("ERR_LADING_USAGE", `gzip has no level ${level}`, { hint: "use 1 to 9" });
  }
  if (!Number.isInteger(blockSize) || blockSize < windowSize) {
    throw new LadingError("ERR_LADING_USAGE", `a gzip block has at least ${windowSize} bytes`);
  }
  signal?.throwIfAborted();

  // Two blocks per core keep every thread busy while the oldest is written out; more only cost memory.
  const most = 2 * Math.min(Math.max(availableParallelism(), 2), 8);
  const busy: Slot[] = [];
  const free: Buffer[] = [];
  let tail: Buffer | undefined;
  let checksum = 0;
  let size = 0;

  const start = (input: Buffer, used: number): void => {
    const data = input.subarray(0, used);
    // The fastest level does not search noise for what is not there; the others are asked for small output.
    const output = deflateBlock(data, tail, level === 1 && looksRandom(data) ? 0 : level);
    // It is awaited in its turn; should something else fail before, its own failure must not end the process.
    output.catch(() => {});
    busy.push({ input, output });
    checksum = crc32(data, checksum);
    size += used;
    tail = Buffer.from(data.subarray(-windowSize));
  };
  const finishOldest = async (): Promise<Buffer | undefined> => {
    const slot = busy.shift();
    if (slot === undefined) return undefined;
    const output = await slot.output;
    signal?.throwIfAborted();
    free.push(slot.input);
    return output;
  };

  yield header(level);
  let input: Buffer | undefined;
  let used = 0;
  for await (const chunk of stream) {
    for (let at = 0; at < chunk.byteLength; ) {
      if (input === undefined) {
        if (busy.length >= most) {
          const output = await finishOldest();
          if (output !== undefined) yield output;
        }
        input = free.pop() ?? Buffer.allocUnsafeSlow(blockSize);
        used = 0;
      }
      const count = Math.min(blockSize - used, chunk.byteLength - at);
      input.set(chunk.subarray(at, at + count), used);
      used += count;
      at += count;
      if (used === blockSize) {
        start(input, used);
        input = undefined;
      }
    }
  }
  if (input !== undefined) start(input, used);
  for (let output = await finishOldest(); output !== undefined; output = await finishOldest()) yield output;
  yield trailer(checksum, size);
}

function deflateBlock(data: Buffer, dictionary: Buffer | undefined, level: number): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    deflateRaw(
      data,
      {
        ...deflateOptions,
        level,
        finishFlush: constants.Z_SYNC_FLUSH,
        // Room for a block that does not shrink (5 bytes per stored block of 16 KiB, RFC 1951, 3.2.4): one trip to the pool.
        chunkSize: data.byteLength + Math.ceil(data.byteLength / 16_383) * 5 + 64,
        ...(dictionary === undefined ? {} : { dictionary }),
      },
      (error, output) => (error === null ? resolve(output) : reject(error)),
    );
  });
}

/** No name, no time, no system (OS 255): the same for everyone. XFL as RFC 1952 has it. */
function header(level: number): Buffer {
  return Buffer.from([0x1f, 0x8b, 8, 0, 0, 0, 0, 0, level === 9 ? 2 : level === 1 ? 4 : 0, 255]);
}

function trailer(checksum: number, size: number): Buffer {
  const end = Buffer.alloc(finalBlock.byteLength + 8);
  finalBlock.copy(end);
  end.writeUInt32LE(checksum, finalBlock.byteLength);
  end.writeUInt32LE(size % 0x1_0000_0000, finalBlock.byteLength + 4);
  return end;
}
