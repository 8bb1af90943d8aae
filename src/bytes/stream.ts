/**
 * The one stream type of Lading. Node's Readable, web streams and undici bodies are async iterables, so callers pass
 * them as they are. A chunk belongs to its receiver until the next one is asked for: keep a copy of what must last.
 */
export type ByteStream = AsyncIterable<Uint8Array>;

/** A stream of these chunks. */
export async function* streamOf(...chunks: readonly Uint8Array[]): AsyncGenerator<Uint8Array> {
  yield* chunks;
}

/** The stream without its first `count` bytes. */
export async function* skip(stream: ByteStream, count: number): AsyncGenerator<Uint8Array> {
  let left = count;
  for await (const chunk of stream) {
    if (left >= chunk.byteLength) left -= chunk.byteLength;
    else {
      yield left === 0 ? chunk : chunk.subarray(left);
      left = 0;
    }
  }
}

/** The first `count` bytes of the stream; the rest is not read. */
export async function* take(stream: ByteStream, count: number): AsyncGenerator<Uint8Array> {
  let left = count;
  if (left <= 0) {
    // Whatever stands behind the stream is to be released all the same.
    await stream[Symbol.asyncIterator]().return?.();
    return;
  }
  for await (const chunk of stream) {
    yield chunk.byteLength <= left ? chunk : chunk.subarray(0, left);
    left -= chunk.byteLength;
    if (left <= 0) return;
  }
}

/** Calls `on` with the size of each chunk that goes by. */
export async function* observe(stream: ByteStream, on: (bytes: number) => void): AsyncGenerator<Uint8Array> {
  for await (const chunk of stream) {
    on(chunk.byteLength);
    yield chunk;
  }
}
