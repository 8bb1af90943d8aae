import { createHasher } from "../../bytes/hash.ts";
import { HeldOpen } from "../../bytes/held-open.ts";
import type { ByteStream } from "../../bytes/stream.ts";
import { verify } from "../../bytes/verify.ts";
import { DigestMismatchError, isLadingError } from "../../errors.ts";
import { decompress } from "../../formats/compression.ts";
import type { Descriptor } from "../../spec/descriptor.ts";
import { algorithmOf, type Digest } from "../../spec/digest.ts";

export interface LayerStreamOptions {
  /** What the stored bytes have to be; undefined where nobody knows. */
  readonly descriptor?: Descriptor;
  /** Digest of the uncompressed bytes, from the image's config. */
  readonly diffId?: Digest;
  /** Where the bytes come from, for messages. */
  readonly place?: string;
  readonly what: string;
  /** Bytes out per byte in. */
  readonly maxRatio: number | undefined;
}

/**
 * Gives a layer's tar to `consume`, and returns only when the stored and the uncompressed bytes are what they have to be.
 * @throws DigestMismatchError, SizeMismatchError; LadingError ERR_LADING_ARCHIVE, ERR_LADING_LIMIT
 */
export async function consumeLayer(
  stream: ByteStream,
  options: LayerStreamOptions,
  consume: (tar: ByteStream) => Promise<void>,
): Promise<void> {
  const { descriptor, diffId, place, what, maxRatio } = options;
  const stored = new HeldOpen(descriptor === undefined ? stream : verify(stream, descriptor, place));
  const hasher = diffId === undefined ? undefined : createHasher(algorithmOf(diffId));
  async function* tar(): AsyncGenerator<Uint8Array> {
    const limit = maxRatio === undefined ? {} : { maxRatio };
    for await (const chunk of decompress(stored, { what, ...limit })) {
      hasher?.update(chunk);
      yield chunk;
    }
  }
  try {
    await consume(tar());
    await stored.drain();
  } catch (error) {
    // Bytes that were changed on their way look like a damaged archive first. The digest tells which it is.
    if (isLadingError(error) && error.code === "ERR_LADING_ARCHIVE" && descriptor !== undefined) {
      await stored.drain();
    }
    throw error;
  } finally {
    await stored.close();
  }
  if (diffId === undefined || hasher === undefined) return;
  const actual = hasher.digest();
  if (actual !== diffId) {
    throw new DigestMismatchError(diffId, actual, {
      ...(place === undefined ? {} : { place }),
      hint: `the layer ${what} is not the one that the image's config names (diff_ids); the image was put together wrongly`,
    });
  }
}
