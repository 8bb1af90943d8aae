/** How much of the documents of bundles is read. A lock of 100,000 images with their annotations has about 20 MB. */
export const documentLimits = {
  /** Bytes of an ImagesLock, a BundleLock, or a locations file. */
  lockBytes: 32 * 1024 * 1024,
  /** Images in one of them. */
  images: 100_000,
  /** Bytes of a `bundle.yml`. */
  metadataBytes: 1024 * 1024,
} as const;
