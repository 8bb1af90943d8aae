/** A bundle with everything below it, and where each part was found. */
import type { Descriptor } from "../../spec/descriptor.ts";
import type { Source } from "../../stores/store.ts";
import type { BundleMetadata, ImageLocations, ImagesLock, LockedImage } from "../documents/model.ts";
import type { PinnedReference } from "../documents/names.ts";

/** A bundle that was opened. The same bundle in the same repository is the same object wherever the tree names it. */
export interface BundleNode {
  /** Where it was found. */
  readonly reference: PinnedReference;
  readonly source: Source;
  readonly descriptor: Descriptor;
  readonly lock: ImagesLock;
  readonly metadata: BundleMetadata | undefined;
  /** What its locations image says, when it has one. */
  readonly locations: ImageLocations | undefined;
  /** What the lock names, in its order; each digest once. */
  readonly images: readonly BundleEntry[];
}

/** One image that a bundle needs. */
export interface BundleEntry {
  readonly locked: LockedImage;
  /** Where it was found. */
  readonly reference: PinnedReference;
  readonly source: Source;
  /** Known when the image was asked for: not where a locations image answers. */
  readonly descriptor: Descriptor | undefined;
  /** Present when the image is a bundle itself. */
  readonly bundle: BundleNode | undefined;
}
