import { type Body, bodyOf } from "../bytes/body.ts";
import { collect } from "../bytes/collect.ts";
import { verifyBytes } from "../bytes/verify.ts";
import { inPlace, LadingError } from "../errors.ts";
import { type ImageConfig, parseConfig } from "../spec/config.ts";
import type { Descriptor } from "../spec/descriptor.ts";
import type { Node } from "../spec/graph.ts";
import { limits } from "../spec/limits.ts";
import { type Manifest, parseManifest } from "../spec/manifest.ts";
import type { CallOptions, Source } from "./store.ts";

/**
 * The bytes that a descriptor carries in `data`, when they are what it says. Wrong data is no reason to fail: the content
 * itself may be right.
 */
export function embeddedBytes(descriptor: Descriptor): Uint8Array | undefined {
  if (descriptor.data === undefined) return undefined;
  try {
    return verifyBytes(Buffer.from(descriptor.data, "base64"), descriptor);
  } catch {
    return undefined;
  }
}

/** A node's content from its own descriptor, or else from the source; the reader verifies. */
export function nodeBody(source: Source, node: Node): Body {
  const embedded = embeddedBytes(node.descriptor);
  return embedded === undefined ? source.body(node) : bodyOf(embedded);
}

/**
 * Reads a small node into memory and checks it against its descriptor.
 * @throws LadingError ERR_LADING_LIMIT, ERR_LADING_NOT_FOUND, DigestMismatchError, SizeMismatchError
 */
export async function readBytes(
  source: Source,
  kind: "manifest" | "blob",
  descriptor: Descriptor,
  limit: number,
  { signal }: CallOptions = {},
): Promise<Uint8Array> {
  if (descriptor.size > limit) {
    throw new LadingError(
      "ERR_LADING_LIMIT",
      `${descriptor.digest} has ${descriptor.size} bytes; at most ${limit} are read for a ${kind} like this`,
      { place: source.label },
    );
  }
  const from = { offset: 0, ...(signal === undefined ? {} : { signal }) };
  const stream = await nodeBody(source, { kind, descriptor }).open(from);
  return verifyBytes(await collect(stream, descriptor.size + 1, descriptor.digest), descriptor, source.label);
}

/** Reads and parses a manifest. @throws what `readBytes` and `parseManifest` throw, with the manifest as the place */
export async function readManifest(
  source: Source,
  descriptor: Descriptor,
  options: CallOptions = {},
): Promise<Manifest> {
  const raw = await readBytes(source, "manifest", descriptor, limits.manifestBytes, options);
  return inPlace(placeOf(source, descriptor), () => parseManifest(raw, descriptor.mediaType));
}

/** Reads and parses an image's config. @throws what `readBytes` and `parseConfig` throw, with the config as the place */
export async function readConfig(
  source: Source,
  descriptor: Descriptor,
  options: CallOptions = {},
): Promise<ImageConfig> {
  const raw = await readBytes(source, "blob", descriptor, limits.configBytes, options);
  return inPlace(placeOf(source, descriptor), () => parseConfig(raw));
}

function placeOf({ label }: Source, { digest }: Descriptor): string {
  return `${label}@${digest}`;
}
