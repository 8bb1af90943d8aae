import { copy } from "../../copy/copy.ts";
import type { CopiedImage } from "../../copy/copy-result.ts";
import type { CopyRequest } from "../../copy/request.ts";
import type { Sink } from "../../stores/store.ts";
import type { BundleLock } from "../documents/model.ts";
import { generatedTag, lockName, pinnedIn } from "../documents/names.ts";
import type { BundleDiskInput } from "./input.ts";
import { type PackedImage, type PackOptions, packBundle, packImage } from "./pack.ts";

export interface PushDestination {
  readonly sink: Sink;
  /** Default "latest". */
  readonly tag?: string | undefined;
  /** Further tags. */
  readonly tags?: readonly string[];
}

export interface PushOptions extends PackOptions {
  /** Blobs in flight. Default 4. */
  readonly concurrency?: number;
}

/** What a push has done. */
export interface PushResult extends CopiedImage {
  /** What a lock says of a bundle; undefined for images, and for destinations that are no registry. */
  readonly lock: BundleLock | undefined;
}

/**
 * Pushes folders and files as a bundle, with the digest that imgpkg gives them. It gets the tags that were asked for, and
 * in a registry the one that keeps it from being collected when those move on.
 * @throws LadingError what `packBundle` and `copy` throw
 */
export async function pushBundle(
  files: readonly BundleDiskInput[],
  to: PushDestination,
  options: PushOptions,
): Promise<PushResult> {
  await using packed = await packBundle(files, options);
  return { ...(await move(packed, to, options)), lock: lockFor(packed, to) };
}

/**
 * Pushes folders and files as an image that is no bundle, in the same form and under the same kinds of tags.
 * @throws LadingError what `packImage` and `copy` throw
 */
export async function pushImage(
  files: readonly BundleDiskInput[],
  to: PushDestination,
  options: PushOptions,
): Promise<PushResult> {
  await using packed = await packImage(files, options);
  return { ...(await move(packed, to, options)), lock: undefined };
}

/** How a packed image is copied to its destination. */
export function pushRequest({ image }: PackedImage, to: PushDestination): CopyRequest {
  const { sink, tag = "latest", tags = [] } = to;
  const kept = sink.location === undefined ? [] : [generatedTag(image.root.digest)];
  return { from: image, reference: image.root, to: sink, tags: [...new Set([tag, ...tags, ...kept])] };
}

/** What a lock says of a bundle there; undefined where there is no registry, for a lock knows no other places. */
export function lockFor({ image }: PackedImage, to: PushDestination): BundleLock | undefined {
  if (to.sink.location === undefined) return undefined;
  const reference = pinnedIn(to.sink.location, image.root.digest);
  return { image: lockName(reference), reference, tag: to.tag ?? "latest" };
}

async function move(packed: PackedImage, to: PushDestination, options: PushOptions): Promise<CopiedImage> {
  const { on, signal, concurrency } = options;
  const result = await copy([pushRequest(packed, to)], {
    ...(on === undefined ? {} : { on }),
    ...(signal === undefined ? {} : { signal }),
    ...(concurrency === undefined ? {} : { concurrency }),
  });
  // One request was asked for and did not fail.
  return result.images[0] as CopiedImage;
}
