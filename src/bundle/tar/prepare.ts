import { digestOf } from "../../bytes/hash.ts";
import { allSettled, createGate, linkedAbort } from "../../copy/together.ts";
import { checkSame } from "../../copy/walk.ts";
import { padding, tarEnd } from "../../formats/tar/encode.ts";
import { encodeGoHeader } from "../../formats/tar/go-header.ts";
import type { Descriptor } from "../../spec/descriptor.ts";
import type { Digest } from "../../spec/digest.ts";
import { isNonDistributable } from "../../spec/media-type.ts";
import type { EntryPlace } from "../../stores/archive/partial-file.ts";
import { compareBytewise } from "../../stores/referrer.ts";
import type { CallOptions, Source } from "../../stores/store.ts";
import { type Collected, type CollectedImage, collectImages } from "./collect.ts";
import { documentName, layerName } from "./document.ts";
import type { NonDistributableLayers, TarImage } from "./image.ts";
import { formatDocument, sibling } from "./records.ts";

/** What decides about the content of a tar. */
export interface TarContentOptions extends CallOptions {
  /** Store layers that need not be distributed, too. Default false. */
  readonly nonDistributable?: boolean;
  /**
   * Whether the tar's receiver has this layer, so that the tar can do without it. Asked once for each, several at a time.
   */
  readonly leaveOut?: (layer: Descriptor) => boolean | Promise<boolean>;
  /** Layers moved, and questions asked, at once. Default 5. */
  readonly concurrency?: number;
}

/** An entry of the tar. */
export interface TarPlace extends EntryPlace {
  readonly name: string;
}

/** A layer of the tar. */
export interface TarBlob {
  readonly descriptor: Descriptor;
  /** The sources of all images that have it. */
  readonly sources: readonly Source[];
  readonly place: TarPlace;
}

/** A tar of which everything is known but the content of its layers. */
export interface PreparedTar {
  /** The bytes of `manifest.json`. */
  readonly document: Buffer;
  readonly documentPlace: TarPlace;
  /** Sorted by digest, each once. */
  readonly blobs: readonly TarBlob[];
  readonly leftOut: readonly Descriptor[];
  readonly nonDistributable: readonly NonDistributableLayers[];
  /** Where the blocks begin that end the tar. */
  readonly endAt: number;
  /** Bytes of the whole tar. */
  readonly size: number;
}

export const defaultConcurrency = 5;

/** Reads what has to be read before the tar's first byte is known, and lays the tar out. */
export async function prepareTar(
  images: readonly TarImage[],
  options: TarContentOptions = {},
): Promise<PreparedTar> {
  const { signal } = options;
  const collected = await collectImages(images, signal === undefined ? {} : { signal });
  const { layers, nonDistributable } = layersOf(images, collected, options.nonDistributable ?? false);
  const leftOut = await layersToLeaveOut(layers, options);
  const document = formatDocument(images, collected, new Set(leftOut.map(({ digest }) => digest)));
  for (const { digest } of leftOut) layers.delete(digest);

  let at = 0;
  const place = (name: string, digest: Digest, size: number): TarPlace => {
    const header = encodeGoHeader({ name, type: "file", mode: 0o644, size });
    const headerAt = at;
    at += header.byteLength + size + padding(size).byteLength;
    return { name, header, digest, size, headerAt };
  };
  const documentPlace = place(documentName, digestOf(document), document.byteLength);
  const sorted = [...layers.values()].sort((a, b) =>
    compareBytewise(a.descriptor.digest, b.descriptor.digest),
  );
  const blobs = sorted.map(({ descriptor, sources }): TarBlob => {
    const { digest, size } = descriptor;
    return { descriptor, sources: [...sources], place: place(layerName(digest), digest, size) };
  });
  return {
    document,
    documentPlace,
    blobs,
    leftOut,
    nonDistributable,
    endAt: at,
    size: at + tarEnd.byteLength,
  };
}

interface Layer {
  readonly descriptor: Descriptor;
  readonly sources: Set<Source>;
}

/** Every layer that belongs into the tar, and those that need not be distributed. */
function layersOf(
  images: readonly TarImage[],
  collected: readonly Collected[],
  withNonDistributable: boolean,
): { readonly layers: Map<Digest, Layer>; readonly nonDistributable: readonly NonDistributableLayers[] } {
  const layers = new Map<Digest, Layer>();
  const nonDistributable = new Map<string, NonDistributableLayers>();
  for (const { image, reference, source } of imagesBelow(images, collected)) {
    const kept = image.layers.filter(({ mediaType }) => isNonDistributable(mediaType));
    if (kept.length > 0) {
      nonDistributable.set(reference, {
        image: reference,
        layers: [...new Set(kept.map(({ digest }) => digest))],
      });
    }
    for (const descriptor of image.layers) {
      if (!withNonDistributable && isNonDistributable(descriptor.mediaType)) continue;
      const known = layers.get(descriptor.digest);
      if (known === undefined) layers.set(descriptor.digest, { descriptor, sources: new Set([source]) });
      else {
        checkSame({ kind: "blob", descriptor: known.descriptor }, { kind: "blob", descriptor });
        known.sources.add(source);
      }
    }
  }
  return { layers, nonDistributable: [...nonDistributable.values()] };
}

/** The images of each root, each once under it, with the reference that it has there. */
function* imagesBelow(
  images: readonly TarImage[],
  collected: readonly Collected[],
): Generator<{ readonly image: CollectedImage; readonly reference: string; readonly source: Source }> {
  for (const [i, { source, refs }] of images.entries()) {
    const root = collected[i];
    const seen = new Set<Digest>();
    const next = root === undefined ? [] : [root];
    for (let found = next.pop(); found !== undefined; found = next.pop()) {
      if (seen.has(found.digest)) continue;
      seen.add(found.digest);
      if (found.kind === "index") next.push(...[...found.children].reverse());
      else yield { image: found, reference: sibling(refs[0] ?? found.digest, found.digest), source };
    }
  }
}

async function layersToLeaveOut(
  layers: ReadonlyMap<Digest, Layer>,
  { leaveOut, concurrency = defaultConcurrency, signal: given }: TarContentOptions,
): Promise<readonly Descriptor[]> {
  if (leaveOut === undefined) return [];
  const { signal, abort } = linkedAbort(given);
  const gate = createGate(concurrency);
  const answers = await allSettled(
    [...layers.values()].map(({ descriptor }) =>
      gate(async () => {
        signal.throwIfAborted();
        return (await leaveOut(descriptor)) ? [descriptor] : [];
      }),
    ),
    abort,
  );
  return answers.flat().sort((a, b) => compareBytewise(a.digest, b.digest));
}
