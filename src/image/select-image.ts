import { LadingError } from "../errors.ts";
import { type ImageConfig, parseConfig } from "../spec/config.ts";
import type { Descriptor } from "../spec/descriptor.ts";
import { limits } from "../spec/limits.ts";
import type { ImageManifest, Index } from "../spec/manifest.ts";
import { mediaTypes } from "../spec/media-type.ts";
import { formatPlatform, type Platform, platformDistance } from "../spec/platform.ts";
import { imagesOf, platformList, selectManifests } from "../spec/select.ts";
import { readBytes, readManifest } from "../stores/read.ts";
import type { CallOptions, Source } from "../stores/store.ts";

export interface SelectImageOptions extends CallOptions {
  /** Which image of an index; needed where it has several. An image for another platform is refused. */
  readonly platform?: Platform;
}

export interface SelectedManifest {
  readonly descriptor: Descriptor;
  readonly manifest: ImageManifest;
}

export interface SelectedImage extends SelectedManifest {
  readonly config: ImageConfig;
}

/**
 * The one image manifest that a reference stands for: of an index, the one for the platform, or the only one there.
 * @param reference a tag or digest of the source, or a descriptor of a manifest in it
 * @throws LadingError ERR_LADING_NOT_FOUND, ERR_LADING_USAGE (several and no platform), ERR_LADING_UNSUPPORTED (no image)
 */
export async function selectManifest(
  source: Source,
  reference: string | Descriptor,
  options: SelectImageOptions = {},
): Promise<SelectedManifest> {
  const call = callOf(options);
  let descriptor = typeof reference === "string" ? await source.resolve(reference, call) : reference;
  for (let depth = 0; depth <= limits.graphDepth; depth++) {
    const manifest = await readManifest(source, descriptor, call);
    if (manifest.kind === "image") return { descriptor, manifest };
    if (manifest.kind === "artifact") {
      throw new LadingError("ERR_LADING_UNSUPPORTED", `${descriptor.digest} is an artifact and no image`, {
        place: source.label,
      });
    }
    descriptor = choose(manifest, options.platform, source.label);
  }
  throw new LadingError("ERR_LADING_LIMIT", `indexes are nested deeper than ${limits.graphDepth} levels`, {
    place: source.label,
  });
}

/**
 * As {@link selectManifest}, with the image's config.
 * @throws LadingError as above; ERR_LADING_UNSUPPORTED for a manifest whose config is none of an image,
 * ERR_LADING_NOT_FOUND for an image of another platform than the one asked for
 */
export async function selectImage(
  source: Source,
  reference: string | Descriptor,
  options: SelectImageOptions = {},
): Promise<SelectedImage> {
  const { descriptor, manifest } = await selectManifest(source, reference, options);
  const type = manifest.config.mediaType;
  if (type !== mediaTypes.ociConfig && type !== mediaTypes.dockerConfig) {
    throw new LadingError(
      "ERR_LADING_UNSUPPORTED",
      `${descriptor.digest} is an artifact (${manifest.artifactType ?? type}) and no image`,
      { place: source.label },
    );
  }
  const raw = await readBytes(source, "blob", manifest.config, limits.configBytes, callOf(options));
  const config = parseConfig(raw);
  if (options.platform !== undefined && config.platform !== undefined) {
    if (platformDistance(options.platform, config.platform) === undefined) {
      throw new LadingError(
        "ERR_LADING_NOT_FOUND",
        `there is no image for ${formatPlatform(options.platform)}`,
        { place: source.label, hint: `the image is for ${formatPlatform(config.platform)}` },
      );
    }
  }
  return { descriptor, manifest, config };
}

function choose(index: Index, platform: Platform | undefined, place: string): Descriptor {
  if (platform !== undefined) {
    const [chosen] = selectManifests(index, [platform]);
    if (chosen !== undefined) return chosen;
  }
  const images = imagesOf(index);
  const [only] = images;
  if (only === undefined) {
    throw new LadingError("ERR_LADING_NOT_FOUND", "the index lists no images", { place });
  }
  if (images.length > 1) {
    throw new LadingError("ERR_LADING_USAGE", `the index has ${images.length} images, and one is needed`, {
      place,
      hint: `choose one by its platform: ${platformList(images)}`,
    });
  }
  return only;
}

function callOf({ signal }: CallOptions): CallOptions {
  return signal === undefined ? {} : { signal };
}
