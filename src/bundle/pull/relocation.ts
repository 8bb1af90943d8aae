import { allSettled, createGate, linkedAbort } from "../../copy/together.ts";
import type { Digest } from "../../spec/digest.ts";
import type { CallOptions, Source } from "../../stores/store.ts";
import type { ImagesLock, LockedImage } from "../documents/model.ts";
import { type PinnedReference, pinnedIn } from "../documents/names.ts";
import type { BundleNode } from "../read/model.ts";

/** Whether a pulled lock is written anew, and why. */
export type Relocation =
  | {
      readonly rewritten: true;
      /** The bundle's locations image says where the images are, or each of them was found beside the bundle. */
      readonly by: "locations" | "presence";
      readonly images: ReadonlyMap<Digest, PinnedReference>;
    }
  | {
      readonly rewritten: false;
      /** An image is not beside the bundle, or the bundle comes from no registry. */
      readonly because: "missing" | "no registry";
      /** One that is not there. */
      readonly missing?: LockedImage;
    };

/** A bundle as far as the decision goes. */
export type RelocatedBundle = Pick<BundleNode, "reference" | "source" | "lock" | "locations">;

const defaultConcurrency = 6;

/**
 * Where the images of a bundle's lock are now. With locations nothing is asked: each image is where they say, in the
 * bundle's registry, and beside the bundle where they say nothing. Without, each image is looked for beside the bundle, and
 * all of them have to be there: an image that is not there or may not be seen leaves the lock as it is.
 * @throws LadingError what the registry answers besides "not there" and "not allowed"
 */
export async function relocationOf(
  bundle: RelocatedBundle,
  options: CallOptions & { readonly concurrency?: number } = {},
): Promise<Relocation> {
  const { reference, source, lock, locations } = bundle;
  const { location, has } = source;
  if (location === undefined || has === undefined) return { rewritten: false, because: "no registry" };
  if (locations !== undefined) {
    const repositories = new Map(
      locations.images.map(({ reference: { digest }, repository }) => [digest, repository]),
    );
    return rewritten("locations", lock, (digest) =>
      pinnedIn({ ...reference, repository: repositories.get(digest) ?? reference.repository }, digest),
    );
  }
  const missing = await firstMissing(has.bind(source), lock, options);
  if (missing !== undefined) return { rewritten: false, because: "missing", missing };
  return rewritten("presence", lock, (digest) => pinnedIn(reference, digest));
}

function rewritten(
  by: "locations" | "presence",
  { images }: ImagesLock,
  place: (digest: Digest) => PinnedReference,
): Relocation {
  const places = images.map(({ reference: { digest } }) => [digest, place(digest)] as const);
  return { rewritten: true, by, images: new Map(places) };
}

/** Looks for the images until one is missing. */
async function firstMissing(
  has: NonNullable<Source["has"]>,
  { images }: ImagesLock,
  { signal, concurrency = defaultConcurrency }: CallOptions & { readonly concurrency?: number },
): Promise<LockedImage | undefined> {
  const gate = createGate(concurrency);
  const linked = linkedAbort(signal);
  let missing: LockedImage | undefined;
  const look = async (image: LockedImage): Promise<void> => {
    if (missing !== undefined) return;
    linked.signal.throwIfAborted();
    // Only the digest counts: a HEAD of a manifest tells no size that can be trusted.
    const descriptor = { mediaType: "", digest: image.reference.digest, size: 0 };
    if (!(await has({ kind: "manifest", descriptor }, { signal: linked.signal }))) missing ??= image;
  };
  const once = new Map(images.map((image) => [image.reference.digest, image]));
  await allSettled(
    [...once.values()].map((image) => gate(() => look(image))),
    linked.abort,
  );
  return missing;
}
