import * as zlib from "node:zlib";
import type { CountingTransform } from "../transform.ts";

/** The zstd part of `node:zlib`, as Node 22.15 and newer have it; the types of Node 20 do not know it. */
export interface NativeZstd {
  createZstdCompress(options?: {
    readonly chunkSize?: number;
    readonly params?: Readonly<Record<number, number>>;
  }): CountingTransform;
  createZstdDecompress(options?: {
    readonly chunkSize?: number;
    readonly params?: Readonly<Record<number, number>>;
  }): CountingTransform;
  readonly constants: {
    readonly ZSTD_c_compressionLevel: number;
    readonly ZSTD_c_checksumFlag: number;
  };
}

/** Node's own zstd, where this Node has it. */
export function nativeZstd(): NativeZstd | undefined {
  const candidate = zlib as unknown as Partial<NativeZstd>;
  return candidate.createZstdDecompress === undefined ? undefined : (candidate as NativeZstd);
}
