import { LadingError } from "../errors.ts";
import type { Compression } from "../spec/media-type.ts";

/** `none`, `gzip`, `zstd`, also with a level: `gzip:9`. @throws LadingError ERR_LADING_USAGE */
export function parseCompression(text: string): {
  readonly compression: Compression;
  readonly level?: number;
} {
  const [, name = "", level] = /^(none|gzip|zstd)(?::(\d{1,2}))?$/.exec(text) ?? [];
  if (name === "" || (name === "none" && level !== undefined)) {
    throw new LadingError("ERR_LADING_USAGE", `--compression cannot be '${text}'`, {
      hint: "write none, gzip or zstd, also with a level: gzip:1 to gzip:9, zstd:1 to zstd:19",
    });
  }
  return { compression: name as Compression, ...(level === undefined ? {} : { level: Number(level) }) };
}
