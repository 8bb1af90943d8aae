/**
 * `manifest.json` of imgpkg's tars: an array with one `ImageOrIndex` for each image. Field names and their order are
 * imgpkg's.
 */
import { LadingError } from "../../errors.ts";
import { algorithmOf, type Digest, hexOf } from "../../spec/digest.ts";
import { type GoValue, goJson } from "../../spec/go-json.ts";

/** The entry of `manifest.json` in the tar. */
export const documentName = "manifest.json";

/**
 * Bytes of a `manifest.json`, read or written. It holds the manifests and configs of all images: ten thousand images of
 * common size fit.
 */
export const documentLimit = 64 * 1024 * 1024;

export type LayerRecord = {
  readonly MediaType: string;
  readonly Digest: string;
  /** Empty for media types that are no layers of file systems. */
  readonly DiffID: string;
  readonly Size: number;
  /** Lading's own: the tar lacks the layer on purpose, its receiver has it. imgpkg passes over unknown fields. */
  readonly LeftOut?: true;
};

export type Labels = ReadonlyMap<string, string> | null;

export type ImageRecord = {
  /** Where the image was found, by digest. */
  readonly Refs: readonly string[];
  readonly Layers: readonly LayerRecord[] | null;
  readonly Config: { readonly Digest: string; readonly Raw: string };
  readonly Manifest: { readonly MediaType: string; readonly Digest: string; readonly Raw: string };
  readonly Tag: string;
  readonly OrigRef: string;
  readonly Labels: Labels;
};

export type IndexRecord = {
  readonly Refs: readonly string[];
  readonly Images: readonly ImageRecord[] | null;
  readonly Indexes: readonly IndexRecord[] | null;
  readonly MediaType: string;
  readonly Digest: string;
  readonly Raw: string;
  readonly Tag: string;
  readonly OrigRef: string;
  readonly Labels: Labels;
};

/** One of both is null. */
export type ImageOrIndex = { readonly ImageIndex: IndexRecord | null; readonly Image: ImageRecord | null };

/** The bytes of one element of the document. */
export function formatRecord(record: ImageOrIndex): Buffer {
  return Buffer.from(goJson(record satisfies GoValue));
}

/** The order of elements: by digest, images by manifest and config. */
export function sortKey({ ImageIndex, Image }: ImageOrIndex): string {
  return Image === null ? (ImageIndex?.Digest ?? "") : `${Image.Manifest.Digest}/${Image.Config.Digest}`;
}

/** The entry of a layer, whatever its media type. */
export function layerName(digest: Digest): string {
  return `${algorithmOf(digest)}-${hexOf(digest)}.tar.gz`;
}

export function tooLarge(place?: string): LadingError {
  return new LadingError(
    "ERR_LADING_LIMIT",
    `the manifests and configs of all images have more than ${documentLimit} bytes`,
    { ...(place === undefined ? {} : { place }), hint: "split the images over several tars" },
  );
}
