/** How much of the documents of bundles is read. A lock of 10,000 images with kbld's annotations has 4 MB. */
export const documentLimits = {
  /** Bytes of an ImagesLock, a BundleLock, or a locations file. */
  lockBytes: 8 * 1024 * 1024,
  /** Images in one of them. */
  images: 50_000,
  /** Bytes of a `bundle.yml`. */
  metadataBytes: 1024 * 1024,
} as const;
