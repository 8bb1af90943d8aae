import { copy } from "../../copy/copy.ts";
import type { CopyResult } from "../../copy/copy-result.ts";
import { isLadingError, messageOf } from "../../errors.ts";
import type { EventListener } from "../../events.ts";
import { NewImage } from "../../image/new-image.ts";
import type { Descriptor } from "../../spec/descriptor.ts";
import type { Digest } from "../../spec/digest.ts";
import type { CallOptions, Store } from "../../stores/store.ts";
import { formatLocations, seedLocationsFile, shippedLocationsFile } from "../documents/locations.ts";
import type { ImageLocations } from "../documents/model.ts";
import { generatedTag, locationsTag, lockName } from "../documents/names.ts";
import { imgpkgDocuments } from "../push/documents.ts";
import { createBundleLayer } from "../push/layer.ts";
import { readLocations } from "../read/locations-image.ts";
import type { BundleNode } from "../read/model.ts";
import { during } from "../steps.ts";

export interface WriteLocationsOptions extends CallOptions {
  /** Where the layer lies until it is written. */
  readonly tempDir: string;
  readonly on?: EventListener;
}

/** A locations image in its place. */
export interface WrittenLocations {
  readonly bundle: Digest;
  readonly tag: string;
  readonly root: Descriptor;
  readonly traffic: Pick<CopyResult, "moved" | "mounted" | "present">;
}

const nothing = { nodes: 0, bytes: 0 };

/**
 * What a bundle's locations image says once all of it is in one repository: the images of its own lock under the names
 * that the lock has for them. Not where they are: they are beside the bundle.
 */
export function locationsOf({ images }: BundleNode): ImageLocations {
  return {
    images: images.map(({ locked: { image, reference }, bundle }) => ({
      image,
      reference,
      isBundle: bundle !== undefined,
    })),
  };
}

/**
 * Makes the locations image of a bundle; the same bundle gives the same bytes. Its one layer has the locations under the
 * file name and kind that imgpkg ships, and under those that its proposal had (imgpkg issue 136).
 */
export async function createLocationsImage(
  bundle: BundleNode,
  { on: _, ...options }: WriteLocationsOptions,
): Promise<NewImage & AsyncDisposable> {
  const { shipped, seed } = formatLocations(locationsOf(bundle));
  const entries = [
    { name: shippedLocationsFile, bytes: Buffer.from(shipped) },
    { name: seedLocationsFile, bytes: Buffer.from(seed) },
  ];
  // Without `on`: the user gave no such files.
  const layer = await createBundleLayer([{ entries }], { ...options, compression: "imgpkg" });
  const image = await NewImage.of(locationsTag(bundle.reference.digest), imgpkgDocuments(layer), [layer]);
  return Object.assign(image, { [Symbol.asyncDispose]: () => layer[Symbol.asyncDispose]() });
}

/**
 * Writes a bundle's locations image beside it, under the tag by which it is found and under the one that keeps it. Only
 * for a bundle of which everything has arrived. A repository that keeps its tags from being changed (`immutable`) and has
 * locations for the bundle already is left as it is.
 * @throws LadingError what the repository throws, within imgpkg's steps for it
 */
export async function writeLocations(
  bundle: BundleNode,
  to: Store,
  options: WriteLocationsOptions,
): Promise<WrittenLocations> {
  const { digest } = bundle.reference;
  const tag = locationsTag(digest);
  await using image = await createLocationsImage(bundle, options);
  const { root } = image;
  const tags = [tag, generatedTag(root.digest)];
  const write = () => copy([{ from: image, reference: root, to, tags }], options);
  try {
    const place = to.location === undefined ? tag : lockName({ ...to.location, tag });
    const { moved, mounted, present } = await during(
      `Creating copy information for bundle ${lockName(bundle.reference)}`,
      () => during(`Pushing locations image to '${place}'`, write),
    );
    return { bundle: digest, tag, root, traffic: { moved, mounted, present } };
  } catch (error) {
    if (!isLadingError(error) || !/immutable/i.test(messageOf(error))) throw error;
    if ((await readLocations(to, digest, options)) === undefined) throw error;
    // What is there, which need not be what would have been written.
    const kept = await to.resolve(tag, options.signal === undefined ? {} : { signal: options.signal });
    return {
      ...{ bundle: digest, tag, root: kept },
      traffic: { moved: nothing, mounted: nothing, present: nothing },
    };
  }
}
