/** What a copy of bundles and images takes along, whatever it comes from and wherever it goes. */
import type { EventListener } from "../../events.ts";
import type { Descriptor } from "../../spec/descriptor.ts";
import type { Digest } from "../../spec/digest.ts";
import type { Platform } from "../../spec/platform.ts";
import type { CallOptions, RepositoryLocation, Source } from "../../stores/store.ts";
import type { CosignKind } from "../artifacts/cosign.ts";
import type { ImagesLock } from "../documents/model.ts";
import type { BundleNode } from "../read/model.ts";

/**
 * How a copy came to know where an image is: the call or a lock names it (`given`), its bundle's locations image says so,
 * it lies beside its bundle, it is still where the bundle's lock says (`origin`), a tar holds it (`archive`), or it belongs
 * to another image (`artifact`).
 */
export type FoundBy = "given" | "locations" | "bundle repository" | "origin" | "archive" | "artifact";

export type CopyKind = "bundle" | "image" | "referrer" | CosignKind;

/** One image to copy. */
export interface ImageToCopy {
  readonly kind: CopyKind;
  readonly source: Source;
  readonly root: Descriptor;
  /** Where it is read from, by digest, as imgpkg writes it; as the user does where that is no registry. */
  readonly from: string;
  /** As the call names it, where it does. */
  readonly name?: string;
  readonly foundBy: FoundBy;
  /** The reference that a bundle's lock has for it (`OrigRef` in tars); empty when there is none. */
  readonly origin: string;
  /** A name that it keeps: the root's tag, or the one that cosign gave it. */
  readonly tag?: string;
  /** What a tar records of it beside its manifest. */
  readonly labels?: Readonly<Record<string, string>>;
  /** Repositories that may have its blobs, besides the source. */
  readonly mountFrom?: readonly RepositoryLocation[];
  /** Of an index, only the images for these; the index keeps its digest. */
  readonly platforms?: readonly Platform[];
  /** The digest that it was asked for by, where a platform has chosen one image of an index. */
  readonly chosenFrom?: Digest;
}

/** What a copy is about: this decides which lock describes its result. */
export type CopySubject =
  | { readonly kind: "bundle"; readonly digest: Digest; readonly tag?: string }
  | { readonly kind: "images"; readonly lock?: ImagesLock }
  /** A tar of old: a bundle is in it, and no word about which is the root. */
  | { readonly kind: "unknown bundle" };

/** Everything that one copy takes. */
export interface CopySet {
  readonly subject: CopySubject;
  /** Sorted by `from`; each source and tag once. */
  readonly images: readonly ImageToCopy[];
  /**
   * The root bundle and all below it, each once: a locations image is written for each. Asked for when it is known that
   * all content is at hand: the bundles of a differential tar may be at the destination.
   */
  readonly bundles: () => Promise<readonly BundleNode[]>;
}

export interface GatherOptions extends CallOptions {
  readonly on?: EventListener;
  /** Requests in flight. Default 4. */
  readonly concurrency?: number;
  /** What cosign keeps beside the images comes along, these kinds of it. */
  readonly cosign?: readonly CosignKind[];
  /** What refers to an image becomes an image to copy of its own. For destinations that know no referrers: tars. */
  readonly referrers?: boolean;
  /**
   * Which images of an index to copy. One platform turns a named index into its image, with that image's digest; the
   * indexes in bundles keep their digests, since the lock that names them cannot change, and lose the other images.
   */
  readonly platforms?: readonly Platform[];
}
