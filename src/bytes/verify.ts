import { DigestMismatchError, SizeMismatchError } from "../errors.ts";
import { algorithmOf, type Digest } from "../spec/digest.ts";
import { createHasher, digestOf } from "./hash.ts";
import type { ByteStream } from "./stream.ts";

/** What bytes have to be. */
export interface Expected {
  readonly digest: Digest;
  /** Bytes. */
  readonly size: number;
}

/**
 * Passes the stream through and checks it: too many bytes fail at once, too few and a wrong digest at the end, before
 * the last `next()` returns. A consumer must not show the content before the stream has ended well.
 * @throws SizeMismatchError, DigestMismatchError with `place`
 */
export async function* verify(
  stream: ByteStream,
  expected: Expected,
  place?: string,
): AsyncGenerator<Uint8Array> {
  const hasher = createHasher(algorithmOf(expected.digest));
  const at = place === undefined ? {} : { place };
  let size = 0;
  for await (const chunk of stream) {
    size += chunk.byteLength;
    if (size > expected.size) throw new SizeMismatchError(expected.size, size, at);
    hasher.update(chunk);
    yield chunk;
  }
  if (size < expected.size) throw new SizeMismatchError(expected.size, size, { ...at, retryable: true });
  const actual = hasher.digest();
  if (actual !== expected.digest) throw new DigestMismatchError(expected.digest, actual, at);
}

/** Checks bytes in memory and gives them back. @throws SizeMismatchError, DigestMismatchError */
export function verifyBytes(bytes: Uint8Array, expected: Expected, place?: string): Uint8Array {
  const at = place === undefined ? {} : { place };
  if (bytes.byteLength !== expected.size) throw new SizeMismatchError(expected.size, bytes.byteLength, at);
  const actual = digestOf(bytes, algorithmOf(expected.digest));
  if (actual !== expected.digest) throw new DigestMismatchError(expected.digest, actual, at);
  return bytes;
}
