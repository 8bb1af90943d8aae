import type { BundleCompression } from "../bundle/push/compression.ts";
import { LadingError } from "../errors.ts";
import type { Compression } from "../spec/media-type.ts";

/**
 * `imgpkg`, `parallel`, `none`, `gzip`, `zstd`, the last two also with a level: `gzip:9`.
 * @throws LadingError ERR_LADING_USAGE
 */
export function parseBundleCompression(text: string): BundleCompression {
  if (text === "imgpkg" || text === "parallel") return text;
  const [, name = "", level] = /^(none|gzip|zstd)(?::(\d{1,2}))?$/.exec(text) ?? [];
  if (name === "" || (name === "none" && level !== undefined)) {
    throw new LadingError("ERR_LADING_USAGE", `--compression cannot be '${text}'`, {
      hint: "write imgpkg, parallel, none, gzip or zstd, the last two also with a level: gzip:1 to gzip:9, zstd:1 to zstd:19",
    });
  }
  return { compression: name as Compression, ...(level === undefined ? {} : { level: Number(level) }) };
}
