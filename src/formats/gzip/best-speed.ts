import { crc32 } from "node:zlib";
import type { ByteStream } from "../../bytes/stream.ts";
import { batchSize, deflateAtOnce, mostOutput } from "./best-speed-encoder.ts";
import { type Batch, BestSpeedWorker } from "./best-speed-worker.ts";

export interface GzipBestSpeedOptions {
  readonly signal?: AbortSignal;
}

/**
 * Batches in memory at a time. A stream that has no more (2 MB) is compressed here and now: that takes less time than
 * to start a thread. With a thread, these many keep it busy while the oldest is written out and the next is read.
 */
const mostBatches = 4;

/** No name, no time, no system (OS 255), XFL 4 for the fastest level (RFC 1952, 2.3). */
const header = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 4, 255];

/**
 * Compresses to one gzip member with the very bytes of Go's compress/gzip at its level BestSpeed, so that layers get the
 * digests that imgpkg gives them. Long streams are compressed on a thread of their own, beside their reading and
 * hashing; the thread ends with the stream. The output depends on the content only.
 * See docs/decisions/0004-imgpkg-gzip.md.
 */
export async function* gzipBestSpeed(
  stream: ByteStream,
  options: GzipBestSpeedOptions = {},
): AsyncGenerator<Uint8Array> {
  const { signal } = options;
  signal?.throwIfAborted();
  yield Buffer.from(header);

  let worker: BestSpeedWorker | undefined;
  const held: Batch[] = [];
  const underWay: Promise<Batch>[] = [];
  let buffer = new Uint8Array(mostOutput);
  let used = 0;
  let checksum = 0;
  let size = 0;
  const endBatch = (): Batch => {
    checksum = crc32(buffer.subarray(0, used), checksum);
    size += used;
    return { buffer, size: used };
  };

  try {
    for await (const chunk of stream) {
      signal?.throwIfAborted();
      for (let at = 0; at < chunk.byteLength; ) {
        // More is to come, so the full batch is not the last.
        if (used === batchSize) {
          held.push(endBatch());
          if (held.length + underWay.length < mostBatches) {
            buffer = new Uint8Array(mostOutput);
          } else {
            worker ??= new BestSpeedWorker();
            for (const batch of held.splice(0)) underWay.push(worker.deflate(batch, false));
            const output = (await underWay.shift()) as Batch;
            signal?.throwIfAborted();
            yield output.buffer.subarray(0, output.size);
            buffer = output.buffer;
          }
          used = 0;
        }
        const count = Math.min(batchSize - used, chunk.byteLength - at);
        buffer.set(chunk.subarray(at, at + count), used);
        used += count;
        at += count;
      }
    }
    signal?.throwIfAborted();
    held.push(endBatch());
    if (worker === undefined) {
      yield deflateAtOnce(held.map((batch) => batch.buffer.subarray(0, batch.size)));
    } else {
      for (const [i, batch] of held.entries()) underWay.push(worker.deflate(batch, i === held.length - 1));
      for (const output of underWay) {
        const batch = await output;
        signal?.throwIfAborted();
        yield batch.buffer.subarray(0, batch.size);
      }
    }
  } finally {
    await worker?.[Symbol.asyncDispose]();
  }

  const trailer = Buffer.alloc(8);
  trailer.writeUInt32LE(checksum, 0);
  trailer.writeUInt32LE(size % 0x1_0000_0000, 4);
  yield trailer;
}
