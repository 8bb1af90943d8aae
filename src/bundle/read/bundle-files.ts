import { LadingError } from "../../errors.ts";
import type { ImageManifest } from "../../spec/manifest.ts";
import type { CallOptions, Source } from "../../stores/store.ts";
import { parseBundleMetadata } from "../documents/bundle-metadata.ts";
import { parseImagesLock } from "../documents/images-lock.ts";
import { documentLimits } from "../documents/limits.ts";
import type { BundleMetadata, ImagesLock } from "../documents/model.ts";
import { during } from "../steps.ts";
import { readLayerFiles } from "./layer-files.ts";

/** The documents of a bundle. */
export interface BundleFiles {
  readonly lock: ImagesLock;
  readonly metadata: BundleMetadata | undefined;
}

const lockPath = ".imgpkg/images.yml";
const metadataPath = ".imgpkg/bundle.yml";

/**
 * Reads `.imgpkg/images.yml` and `.imgpkg/bundle.yml` out of a bundle's layers, of OCI's or Docker's types, one or
 * several.
 * @throws LadingError ERR_LADING_DOCUMENT, ERR_LADING_UNSUPPORTED, ERR_LADING_LIMIT, ERR_LADING_ARCHIVE, in the steps
 * in which imgpkg reads a lock; DigestMismatchError, SizeMismatchError
 */
export async function readBundleFiles(
  source: Source,
  manifest: ImageManifest,
  options: CallOptions = {},
): Promise<BundleFiles> {
  return await during("Reading Images from Bundle", () =>
    during("Reading ImagesLock file", () => readFiles(source, manifest, options)),
  );
}

async function readFiles(
  source: Source,
  manifest: ImageManifest,
  options: CallOptions,
): Promise<BundleFiles> {
  if (manifest.layers.length === 0) {
    throw new LadingError("ERR_LADING_DOCUMENT", "Expected bundle to only have a single layer, got 0", {
      place: source.label,
    });
  }
  const wanted = [
    { path: lockPath, maxBytes: documentLimits.lockBytes },
    { path: metadataPath, maxBytes: documentLimits.metadataBytes, optional: true },
  ];
  const files = await readLayerFiles(source, manifest, wanted, {}, options);
  const lock = files.get(lockPath);
  if (lock === undefined) {
    throw new LadingError("ERR_LADING_DOCUMENT", `Expected to find ${lockPath} in bundle image`, {
      place: source.label,
    });
  }
  const metadata = files.get(metadataPath);
  return {
    lock: parseImagesLock(lock, `${source.label}: ${lockPath}`),
    metadata:
      metadata === undefined ? undefined : parseBundleMetadata(metadata, `${source.label}: ${metadataPath}`),
  };
}
