import { LadingError } from "../errors.ts";
import type { Descriptor } from "./descriptor.ts";
import type { Index } from "./manifest.ts";
import { formatPlatform, type Platform, platformDistance } from "./platform.ts";

/**
 * Whether an entry of an index is about another entry and no image to run: BuildKit's attestations are listed like
 * images, for `unknown/unknown`.
 */
export function isAttestation(descriptor: Descriptor): boolean {
  if (descriptor.annotations?.["vnd.docker.reference.type"] === "attestation-manifest") return true;
  return descriptor.platform?.os === "unknown" && descriptor.platform.architecture === "unknown";
}

/** The entries of an index that are images (or indexes) and no attestations, in document order. */
export function imagesOf(index: Index): readonly Descriptor[] {
  return index.manifests.filter((descriptor) => !isAttestation(descriptor));
}

/**
 * The best entry of the index for each wanted platform, in the order asked for, each once. Where several fit equally
 * well the first in the document wins (image-spec, "Image Index"). An entry without a platform stands for any, if it
 * is the only image there.
 * @throws LadingError ERR_LADING_NOT_FOUND that lists what is there
 */
export function selectManifests(index: Index, wanted: readonly Platform[]): readonly Descriptor[] {
  const images = imagesOf(index);
  const chosen = new Map<string, Descriptor>();
  for (const platform of wanted) {
    const best = bestFor(images, platform);
    if (best === undefined) throw absent(images, platform);
    chosen.set(best.digest, best);
  }
  return [...chosen.values()];
}

function bestFor(images: readonly Descriptor[], wanted: Platform): Descriptor | undefined {
  let best: Descriptor | undefined;
  let least = Number.POSITIVE_INFINITY;
  for (const descriptor of images) {
    if (descriptor.platform === undefined) continue;
    const distance = platformDistance(wanted, descriptor.platform);
    if (distance !== undefined && distance < least) {
      least = distance;
      best = descriptor;
    }
  }
  if (best === undefined && images.length === 1 && images[0]?.platform === undefined) return images[0];
  return best;
}

function absent(images: readonly Descriptor[], wanted: Platform): LadingError {
  return new LadingError("ERR_LADING_NOT_FOUND", `there is no image for ${formatPlatform(wanted)}`, {
    hint: images.length === 0 ? "the index lists no images" : `there is: ${platformList(images)}`,
  });
}

/** The platforms of these entries for a message, each once. */
export function platformList(images: readonly Descriptor[]): string {
  const names = new Set(
    images.map(({ platform, digest }) =>
      platform === undefined ? `${digest} (no platform)` : formatPlatform(platform),
    ),
  );
  const shown = [...names].slice(0, 20);
  const more = names.size - shown.length;
  return shown.join(", ") + (more > 0 ? ` and ${more} more` : "");
}
