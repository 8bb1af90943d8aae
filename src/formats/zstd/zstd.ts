import type { ByteStream } from "../../bytes/stream.ts";
import { LadingError } from "../../errors.ts";
import { throughTransform } from "../transform.ts";
import { nativeZstd } from "./native.ts";

export interface ZstdOptions {
  /** 1 (fastest) to 19 (smallest). Default 3. */
  readonly level?: number;
}

/** What the `zstd` program uses. */
export const defaultZstdLevel = 3;

/**
 * Compresses to one zstd frame with a checksum. Unlike gzip's, the bytes may differ between Node versions.
 * @throws LadingError ERR_LADING_UNSUPPORTED on a Node without zstd, ERR_LADING_USAGE for a bad level
 */
export async function* zstd(stream: ByteStream, options: ZstdOptions = {}): AsyncGenerator<Uint8Array> {
  const level = options.level ?? defaultZstdLevel;
  if (!Number.isInteger(level) || level < 1 || level > 19) {
    throw new LadingError("ERR_LADING_USAGE", `zstd has no level ${level}`, { hint: "use 1 to 19" });
  }
  const native = nativeZstd();
  if (native === undefined) {
    throw new LadingError("ERR_LADING_UNSUPPORTED", "this Node cannot compress with zstd", {
      hint: "use Node 22.15 or newer, or gzip",
    });
  }
  const { ZSTD_c_compressionLevel, ZSTD_c_checksumFlag } = native.constants;
  const compressor = native.createZstdCompress({
    chunkSize: 512 * 1024,
    params: { [ZSTD_c_compressionLevel]: level, [ZSTD_c_checksumFlag]: 1 },
  });
  yield* throughTransform(
    stream,
    compressor,
    (cause) => new LadingError("ERR_LADING_ARCHIVE", `zstd failed: ${cause.message}`, { cause }),
  );
}
