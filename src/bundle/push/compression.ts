import type { ByteStream } from "../../bytes/stream.ts";
import { compress } from "../../formats/compression.ts";
import { gzipBestSpeed } from "../../formats/gzip/best-speed.ts";
import { type Compression, mediaTypes } from "../../spec/media-type.ts";

/**
 * How the layer of a bundle is compressed. "imgpkg" gives the very bytes, and so the digest, that imgpkg gives;
 * "parallel" is gzip too, in blocks on several cores: faster, with a digest of its own. A level is 1 to 9 for gzip, 1 to
 * 19 for zstd.
 */
export type BundleCompression =
  | "imgpkg"
  | "parallel"
  | { readonly compression: Compression; readonly level?: number };

const layerTypes: Readonly<Record<Compression, string>> = {
  none: mediaTypes.dockerLayer,
  gzip: mediaTypes.dockerLayerGzip,
  zstd: mediaTypes.dockerLayerZstd,
};

export function layerTypeOf(compression: BundleCompression): string {
  return layerTypes[typeof compression === "string" ? "gzip" : compression.compression];
}

/** @throws LadingError ERR_LADING_USAGE for a level that does not exist */
export function compressBundle(
  tar: ByteStream,
  how: BundleCompression,
  signal: AbortSignal | undefined,
): ByteStream {
  const options = signal === undefined ? {} : { signal };
  if (how === "imgpkg") return gzipBestSpeed(tar, options);
  if (how === "parallel") return compress(tar, "gzip", options);
  const { compression, level } = how;
  return compress(tar, compression, level === undefined ? options : { ...options, level });
}
