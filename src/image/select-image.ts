import { LadingError } from "../errors.ts";
import type { ImageConfig } from "../spec/config.ts";
import type { Descriptor } from "../spec/descriptor.ts";
import { limits } from "../spec/limits.ts";
import type { ImageManifest, Index } from "../spec/manifest.ts";
import { mediaTypes } from "../spec/media-type.ts";
import { formatPlatform, type Platform, platformDistance } from "../spec/platform.ts";
import { imagesOf, platformList, selectManifests } from "../spec/select.ts";
import { readConfig, readManifest } from "../stores/read.ts";
import type { CallOptions, Source } from "../stores/store.ts";

export interface SelectImageOptions extends CallOptions {
  /** Which image of an index; needed where it has several. An image that is known to be for another one is refused. */
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
 * @throws LadingError ERR_LADING_NOT_FOUND (also for an image of another platform), ERR_LADING_USAGE (several and no
 * platform), ERR_LADING_UNSUPPORTED (no image)
 */
export async function selectManifest(
  source: Source,
  reference: string | Descriptor,
  options: SelectImageOptions = {},
): Promise<SelectedManifest> {
  const { isListed, ...selected } = await find(source, reference, options);
  // An index tells the platforms of what it lists; an image that no index lists tells it in its config.
  if (!isListed && options.platform !== undefined && hasImageConfig(selected.manifest)) {
    checkPlatform(
      await readConfig(source, selected.manifest.config, callOf(options)),
      options.platform,
      source.label,
    );
  }
  return selected;
}

async function find(
  source: Source,
  reference: string | Descriptor,
  options: SelectImageOptions,
): Promise<SelectedManifest & { readonly isListed: boolean }> {
  const call = callOf(options);
  let descriptor = typeof reference === "string" ? await source.resolve(reference, call) : reference;
  for (let depth = 0; depth <= limits.graphDepth; depth++) {
    const manifest = await readManifest(source, descriptor, call);
    if (manifest.kind === "image") return { descriptor, manifest, isListed: depth > 0 };
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
  const { descriptor, manifest } = await find(source, reference, options);
  if (!hasImageConfig(manifest)) {
    throw new LadingError(
      "ERR_LADING_UNSUPPORTED",
      `${descriptor.digest} is an artifact (${manifest.artifactType ?? manifest.config.mediaType}) and no image`,
      { place: source.label },
    );
  }
  const config = await readConfig(source, manifest.config, callOf(options));
  if (options.platform !== undefined) checkPlatform(config, options.platform, source.label);
  return { descriptor, manifest, config };
}

function hasImageConfig({ config: { mediaType } }: ImageManifest): boolean {
  return mediaType === mediaTypes.ociConfig || mediaType === mediaTypes.dockerConfig;
}

function checkPlatform({ platform }: ImageConfig, wanted: Platform, place: string): void {
  if (platform === undefined || platformDistance(wanted, platform) !== undefined) return;
  throw new LadingError("ERR_LADING_NOT_FOUND", `there is no image for ${formatPlatform(wanted)}`, {
    place,
    hint: `the image is for ${formatPlatform(platform)}`,
  });
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
