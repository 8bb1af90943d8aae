/** What the documents of bundles say, apart from how they are written. */
import type { PinnedReference } from "./names.ts";

/** One image of an ImagesLock. */
export interface LockedImage {
  /** As imgpkg normalises it: `index.docker.io/library/nginx@sha256:…`. */
  readonly image: string;
  readonly reference: PinnedReference;
  readonly annotations: Readonly<Record<string, string>>;
}

/** `.imgpkg/images.yml`, and what `--lock-output` writes for images. */
export interface ImagesLock {
  readonly images: readonly LockedImage[];
}

/** What `--lock-output` writes for a bundle. */
export interface BundleLock {
  readonly image: string;
  readonly reference: PinnedReference;
  readonly tag?: string;
}

/** One image of a bundle's lock, as its locations image tells of it. */
export interface LocatedImage {
  /** The reference in the bundle's own lock, not where the image is now. */
  readonly image: string;
  readonly reference: PinnedReference;
  readonly isBundle: boolean;
  /** The repository in the bundle's registry where it is; the bundle's own when left out. */
  readonly repository?: string;
}

/** What a locations image holds. */
export interface ImageLocations {
  readonly images: readonly LocatedImage[];
}

/** `.imgpkg/bundle.yml`: for people, and free in its form. */
export interface BundleMetadata {
  readonly metadata: Readonly<Record<string, string>>;
  readonly authors: readonly { readonly name?: string; readonly email?: string }[];
  readonly websites: readonly { readonly url: string }[];
}
