import { LadingError } from "../../errors.ts";
import { type Digest, isDigest } from "../../spec/digest.ts";
import { limits } from "../../spec/limits.ts";
import { mediaTypes } from "../../spec/media-type.ts";
import type { Collected, CollectedImage, CollectedIndex } from "./collect.ts";
import {
  documentLimit,
  formatRecord,
  type ImageOrIndex,
  type ImageRecord,
  type IndexRecord,
  type Labels,
  type LayerRecord,
  sortKey,
  tooLarge,
} from "./document.ts";
import type { TarImage } from "./image.ts";

/** Media types for which imgpkg notes the diffID; others are no layers to it and pass unchanged. */
const layerTypes: ReadonlySet<string> = new Set([
  mediaTypes.dockerLayer,
  mediaTypes.dockerLayerGzip,
  mediaTypes.dockerForeignLayerGzip,
  mediaTypes.ociLayer,
  mediaTypes.ociLayerGzip,
  mediaTypes.ociLayerZstd,
  mediaTypes.ociForeignLayer,
  mediaTypes.ociForeignLayerGzip,
]);

/** What an image below an index has from the image that was asked for. */
type Inherited = Pick<ImageRecord, "Refs" | "Tag" | "OrigRef" | "Labels">;

/**
 * The bytes of `manifest.json`: compact, sorted by digest.
 * @param collected what belongs to each of the images
 * @param leftOut blobs that the tar will not have
 * @throws LadingError ERR_LADING_LIMIT
 */
export function formatDocument(
  images: readonly TarImage[],
  collected: readonly Collected[],
  leftOut: ReadonlySet<Digest>,
): Buffer {
  const elements: { readonly key: string; readonly bytes: Buffer }[] = [];
  let size = 2;
  for (const [i, image] of images.entries()) {
    const found = collected[i];
    if (found === undefined) continue;
    // An index that lists one child again and again is small; what is made of it need not be.
    const budget = { left: documentLimit - size };
    const record = recordOf(found, inheritedFrom(image), leftOut, budget);
    const bytes = formatRecord(record);
    elements.push({ key: [sortKey(record), image.refs[0] ?? "", image.tag].join("\n"), bytes });
    size += bytes.byteLength + 1;
    if (size > documentLimit) throw tooLarge();
  }
  elements.sort((a, b) => (a.key < b.key ? -1 : a.key > b.key ? 1 : 0));
  const parts = elements.flatMap(({ bytes }, i) => (i === 0 ? [bytes] : [comma, bytes]));
  return Buffer.concat([Buffer.from("["), ...parts, Buffer.from("]")]);
}

const comma = Buffer.from(",");

function inheritedFrom({ refs, tag, origRef, labels }: TarImage): Inherited {
  const Labels: Labels = labels === undefined ? null : new Map(Object.entries(labels));
  return { Refs: refs, Tag: tag, OrigRef: origRef, Labels };
}

function recordOf(
  found: Collected,
  inherited: Inherited,
  leftOut: ReadonlySet<Digest>,
  budget: { left: number },
): ImageOrIndex {
  return found.kind === "index"
    ? { ImageIndex: indexRecord(found, inherited, leftOut, budget, 0), Image: null }
    : { ImageIndex: null, Image: imageRecord(found, inherited, leftOut, budget) };
}

function indexRecord(
  index: CollectedIndex,
  inherited: Inherited,
  leftOut: ReadonlySet<Digest>,
  budget: { left: number },
  depth: number,
): IndexRecord {
  if (depth > limits.graphDepth) {
    throw new LadingError("ERR_LADING_LIMIT", `indexes nest deeper than ${limits.graphDepth} levels`);
  }
  spend(budget, index.raw);
  const images: ImageRecord[] = [];
  const indexes: IndexRecord[] = [];
  for (const child of index.children) {
    const below = { ...inherited, Refs: inherited.Refs.map((reference) => sibling(reference, child.digest)) };
    if (child.kind === "image") images.push(imageRecord(child, below, leftOut, budget));
    else indexes.push(indexRecord(child, below, leftOut, budget, depth + 1));
  }
  return {
    Refs: inherited.Refs,
    Images: orNull(images),
    Indexes: orNull(indexes),
    MediaType: index.mediaType,
    Digest: index.digest,
    Raw: index.raw,
    Tag: inherited.Tag,
    OrigRef: inherited.OrigRef,
    Labels: inherited.Labels,
  };
}

function imageRecord(
  image: CollectedImage,
  inherited: Inherited,
  leftOut: ReadonlySet<Digest>,
  budget: { left: number },
): ImageRecord {
  spend(budget, image.raw, image.config.raw);
  const hasDiffIds = image.diffIds.length === image.layers.length;
  const layers = image.layers.map(
    ({ mediaType, digest, size }, i): LayerRecord => ({
      MediaType: mediaType,
      Digest: digest,
      DiffID: hasDiffIds && layerTypes.has(mediaType) ? (image.diffIds[i] ?? "") : "",
      Size: size,
      ...(leftOut.has(digest) ? { LeftOut: true } : {}),
    }),
  );
  return {
    Refs: inherited.Refs,
    Layers: orNull(layers),
    Config: { Digest: image.config.digest, Raw: image.config.raw },
    Manifest: { MediaType: image.mediaType, Digest: image.digest, Raw: image.raw },
    Tag: inherited.Tag,
    OrigRef: inherited.OrigRef,
    Labels: inherited.Labels,
  };
}

/** As Go writes a list that nothing was added to. */
function orNull<T>(list: readonly T[]): readonly T[] | null {
  return list.length === 0 ? null : list;
}

function spend(budget: { left: number }, ...texts: readonly string[]): void {
  for (const { length } of texts) budget.left -= length;
  if (budget.left < 0) throw tooLarge();
}

/** Another manifest in the same repository. */
export function sibling(reference: string, digest: Digest): string {
  const at = reference.lastIndexOf("@");
  return at >= 0 && isDigest(reference.slice(at + 1)) ? `${reference.slice(0, at)}@${digest}` : reference;
}
