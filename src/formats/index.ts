/** Archives and compression as byte transformers: tar, gzip, zstd. */
export type { Compression } from "../spec/media-type.ts";
export {
  type CompressOptions,
  compress,
  type DecompressOptions,
  decompress,
  sniffCompression,
} from "./compression.ts";
export { type GzipBestSpeedOptions, gzipBestSpeed } from "./gzip/best-speed.ts";
export { type GunzipOptions, gunzip } from "./gzip/gunzip.ts";
export { defaultGzipLevel, type GzipOptions, gzip } from "./gzip/gzip.ts";
export type { EntryAttributes, FileAttributes } from "./tar/attributes.ts";
export { encodeHeader, padding, tarEnd } from "./tar/encode.ts";
export type { TarEntry, TarEntryType, TarItem } from "./tar/entry.ts";
export { type ReadTarOptions, readTar } from "./tar/read.ts";
export { type UnzstdOptions, unzstd } from "./zstd/unzstd.ts";
export { defaultZstdLevel, type ZstdOptions, zstd } from "./zstd/zstd.ts";
