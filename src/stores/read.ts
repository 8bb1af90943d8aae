import { collect } from "../bytes/collect.ts";
import { verifyBytes } from "../bytes/verify.ts";
import { LadingError } from "../errors.ts";
import type { Descriptor } from "../spec/descriptor.ts";
import { limits } from "../spec/limits.ts";
import { type Manifest, parseManifest } from "../spec/manifest.ts";
import type { CallOptions, Source } from "./store.ts";

/**
 * Reads a small node into memory and checks it against its descriptor. Content that the descriptor carries in `data` is
 * used when it is right.
 * @throws LadingError ERR_LADING_LIMIT, ERR_LADING_NOT_FOUND, DigestMismatchError, SizeMismatchError
 */
export async function readBytes(
  source: Source,
  kind: "manifest" | "blob",
  descriptor: Descriptor,
  limit: number,
  options: CallOptions = {},
): Promise<Uint8Array> {
  if (descriptor.size > limit) {
    throw new LadingError(
      "ERR_LADING_LIMIT",
      `${descriptor.digest} has ${descriptor.size} bytes; at most ${limit} are read for a ${kind} like this`,
      { place: source.label },
    );
  }
  if (descriptor.data !== undefined) {
    return verifyBytes(Buffer.from(descriptor.data, "base64"), descriptor, source.label);
  }
  const stream = await source
    .body({ kind, descriptor })
    .open({ offset: 0, ...(options.signal === undefined ? {} : { signal: options.signal }) });
  return verifyBytes(await collect(stream, descriptor.size + 1, descriptor.digest), descriptor, source.label);
}

/** Reads and parses a manifest. @throws what `readBytes` and `parseManifest` throw */
export async function readManifest(
  source: Source,
  descriptor: Descriptor,
  options: CallOptions = {},
): Promise<Manifest> {
  const raw = await readBytes(source, "manifest", descriptor, limits.manifestBytes, options);
  return parseManifest(raw, descriptor.mediaType);
}
