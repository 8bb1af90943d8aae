/**
 * Bytes that are the same everywhere and compress about as well as programs and text do: words drawn unevenly from a
 * small vocabulary, with some noise between them.
 */
export function sampleBytes(size: number, seed = 1): Buffer {
  const random = xorshift(seed);
  const words = Array.from({ length: 512 }, () => {
    const length = 2 + (random() % 12);
    return Buffer.from(Array.from({ length }, () => 97 + (random() % 26)));
  });
  const bytes = Buffer.alloc(size);
  for (let at = 0; at < size; ) {
    const draw = random();
    if (draw % 16 === 0) {
      for (let i = 0; i < 8 && at < size; i++) bytes[at++] = random() & 0xff;
      continue;
    }
    const word = words[(draw >>> 8) % (draw % 3 === 0 ? words.length : 64)];
    if (word !== undefined) {
      bytes.set(word.subarray(0, size - at), at);
      at += word.byteLength;
    }
    if (at < size) bytes[at++] = draw % 11 === 0 ? 10 : 32;
  }
  return bytes;
}

/** Bytes that do not compress, the same everywhere. */
export function noiseBytes(size: number, seed = 1): Buffer {
  const random = xorshift(seed);
  return Buffer.from(Uint8Array.from({ length: size }, () => random() >>> 24));
}

/** Whole numbers from 0 to 2^32 - 1, always the same for the same seed (Marsaglia's xorshift32). */
export function xorshift(seed: number): () => number {
  let state = seed >>> 0 || 1;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    state >>>= 0;
    return state;
  };
}

/** The bytes in chunks of these sizes, in turn; one buffer is used for all of them, as sources may do. */
export async function* cut(bytes: Uint8Array, ...sizes: readonly number[]): AsyncGenerator<Uint8Array> {
  const buffer = Buffer.alloc(Math.max(...sizes));
  for (let at = 0, i = 0; at < bytes.byteLength; i++) {
    const chunk = bytes.subarray(at, at + (sizes[i % sizes.length] ?? 1));
    buffer.set(chunk);
    yield buffer.subarray(0, chunk.byteLength);
    buffer.fill(0xee);
    at += chunk.byteLength;
  }
}
