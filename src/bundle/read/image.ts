import { isLadingError } from "../../errors.ts";
import type { ImageConfig } from "../../spec/config.ts";
import type { Descriptor } from "../../spec/descriptor.ts";
import type { ImageManifest, Manifest } from "../../spec/manifest.ts";
import { mediaTypes } from "../../spec/media-type.ts";
import { readConfig, readManifest } from "../../stores/read.ts";
import type { CallOptions, Source } from "../../stores/store.ts";
import { bundleLabel } from "../documents/names.ts";

/** A manifest, and whether it is a bundle's. */
export interface ReadImage {
  readonly descriptor: Descriptor;
  readonly manifest: Manifest;
  /** Of the image's config; none for an index, an artifact, and a config that is no image's. */
  readonly labels: Readonly<Record<string, string>>;
  /** The config has the label of bundles, with any value. An index never is one. */
  readonly isBundle: boolean;
}

/**
 * Reads what an image is: its manifest, and of its config the labels. Both are checked against their digests.
 * @throws LadingError ERR_LADING_NOT_FOUND, ERR_LADING_DOCUMENT, ERR_LADING_LIMIT, DigestMismatchError, SizeMismatchError
 */
export async function readImage(
  source: Source,
  descriptor: Descriptor,
  options: CallOptions = {},
): Promise<ReadImage> {
  const call = options.signal === undefined ? {} : { signal: options.signal };
  const manifest = await readManifest(source, descriptor, call);
  const labels = manifest.kind === "image" ? await labelsOf(source, manifest, call) : {};
  return { descriptor, manifest, labels, isBundle: Object.hasOwn(labels, bundleLabel) };
}

async function labelsOf(
  source: Source,
  { config }: ImageManifest,
  call: CallOptions,
): Promise<Readonly<Record<string, string>>> {
  if (config.mediaType === mediaTypes.ociEmpty) return {};
  let read: ImageConfig;
  try {
    read = await readConfig(source, config, call);
  } catch (error) {
    // What is no image may have anything as its config, a Helm chart for one: it is no bundle then.
    if (!isImageConfig(config.mediaType) && isLadingError(error) && unreadable.has(error.code)) return {};
    throw error;
  }
  return read.config.labels ?? {};
}

const unreadable: ReadonlySet<string> = new Set(["ERR_LADING_DOCUMENT", "ERR_LADING_LIMIT"]);

function isImageConfig(mediaType: string): boolean {
  return mediaType === mediaTypes.dockerConfig || mediaType === mediaTypes.ociConfig;
}
