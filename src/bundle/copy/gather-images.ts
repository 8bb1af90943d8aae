import { plan } from "../../copy/plan.ts";
import { LadingError } from "../../errors.ts";
import type { Descriptor } from "../../spec/descriptor.ts";
import { isImageManifestType } from "../../spec/media-type.ts";
import { MemoryStore } from "../../stores/memory.ts";
import type { Source } from "../../stores/store.ts";
import type { ImagesLock } from "../documents/model.ts";
import { readImage } from "../read/image.ts";
import { during } from "../steps.ts";
import { withArtifacts } from "./artifacts.ts";
import { Gathering, sortedOnce } from "./gathering.ts";
import type { CopySet, FoundBy, GatherOptions, ImageToCopy } from "./model.ts";

export interface NamedImage {
  readonly source: Source;
  /** A tag or digest there. */
  readonly reference: string;
  /** As the user wrote it. */
  readonly name: string;
  /** The place by digest. */
  readonly nameOf: (digest: Descriptor["digest"]) => string;
  /** The tag that it keeps. */
  readonly tag?: string;
  readonly foundBy?: FoundBy;
}

export interface GatherImagesOptions extends GatherOptions {
  /** What a bundle among the images is refused with; undefined takes a bundle as the image that it is. */
  readonly refuseBundles?: () => LadingError;
  /** The lock that names the images. */
  readonly lock?: ImagesLock;
}

/** `copy -i` of a bundle. */
export function bundleNotImage(): LadingError {
  return new LadingError("ERR_LADING_USAGE", "Expected bundle flag when copying a bundle", {
    hint: "Use -b instead of -i for bundles",
  });
}

/** `copy --lock` of a list of images with a bundle in it. */
export function bundleInImagesLock(): LadingError {
  return new LadingError("ERR_LADING_USAGE", "Unable to copy bundles using an Images Lock file", {
    hint: "Create a bundle with these images",
  });
}

/**
 * Images that are named one by one. With one platform an index gives way to its image for that platform.
 * @throws LadingError ERR_LADING_NOT_FOUND (image, platform), what `refuseBundles` gives, what the sources throw
 */
export async function gatherImages(
  named: readonly NamedImage[],
  options: GatherImagesOptions = {},
): Promise<CopySet> {
  const gathering = new Gathering(options);
  const { lock, refuseBundles } = options;
  const images = await gathering.all(named, async (image): Promise<ImageToCopy> => {
    const { source, reference, name, nameOf, tag, foundBy = "given" } = image;
    const call = { signal: gathering.signal };
    const found = await during("Fetching image", () => source.resolve(reference, call));
    if (refuseBundles !== undefined && isImageManifestType(found.mediaType)) {
      if ((await readImage(source, found, call)).isBundle) throw refuseBundles();
    }
    const { root, ...chosen } = await choosePlatform(source, found, gathering, options);
    return {
      ...{ kind: "image", source, root, foundBy, name, ...chosen },
      from: nameOf(root.digest),
      origin: "",
      ...(tag === undefined ? {} : { tag }),
    };
  });
  return {
    subject: lock === undefined ? { kind: "images" } : { kind: "images", lock },
    images: await withArtifacts(sortedOnce(images), gathering, options),
    bundles: async () => [],
  };
}

/** One platform makes its image the root; several leave the index with fewer images. */
async function choosePlatform(
  source: Source,
  found: Descriptor,
  { signal }: Gathering,
  options: GatherOptions,
): Promise<Pick<ImageToCopy, "root" | "platforms" | "chosenFrom">> {
  const { platforms = [] } = options;
  if (platforms.length === 0) return { root: found };
  if (platforms.length > 1) return { root: found, platforms };
  const planned = await plan(
    [{ from: source, reference: found, to: new MemoryStore("nowhere"), tags: [], platforms }],
    { ...options, signal },
  );
  const root = planned.images[0]?.root ?? found;
  return root.digest === found.digest ? { root } : { root, chosenFrom: found.digest };
}
