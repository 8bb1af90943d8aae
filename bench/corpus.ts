import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { noiseBytes, sampleBytes, xorshift } from "../test/support/sample-bytes.ts";

export interface TreeShape {
  /** Small text files, as in a source tree: 0.2 to 16 KiB. */
  readonly small: number;
  /** Programs and libraries: 64 to 512 KiB. */
  readonly medium: number;
  /** Data of 4 to 12 MiB, every third of it already compressed. */
  readonly large: number;
}

/** 10,262 files, 223 MB; a layer at level 1 has 44 % of that. */
export const fullTree: TreeShape = { small: 10_000, medium: 250, large: 12 };

/** A twentieth of it, to try things out. */
export const quickTree: TreeShape = { small: 500, medium: 12, large: 1 };

const kib = 1024;
const mib = 1024 * kib;

/** Made once per process: that takes seconds. */
let textPool: Buffer | undefined;
let noisePool: Buffer | undefined;

/** 12 MiB that do not compress. */
export function noise(): Buffer {
  noisePool ??= noiseBytes(12 * mib);
  return noisePool;
}

function text(): Buffer {
  textPool ??= sampleBytes(16 * mib, 7);
  return textPool;
}

export interface TreeSize {
  readonly files: number;
  /** Bytes. */
  readonly bytes: number;
}

/**
 * Writes a tree of files that is the same each time, everywhere. Contents are cut out of larger pools; deflate looks
 * back 32 KiB only, so it finds in them no more than in files that have nothing to do with each other.
 */
export async function makeTree(folder: string, shape: TreeShape): Promise<TreeSize> {
  const random = xorshift(20_261_121);
  const between = (low: number, high: number) => low + (random() % (high - low + 1));
  let files = 0;
  let bytes = 0;

  const put = async (name: string, pool: Buffer, size: number): Promise<void> => {
    const start = between(0, pool.length - size);
    const path = join(folder, name);
    await writeFile(path, pool.subarray(start, start + size), { mode: files % 40 === 0 ? 0o755 : 0o644 });
    files++;
    bytes += size;
  };

  const folders = Array.from(
    { length: Math.ceil(shape.small / 25) },
    (_, i) => `src/${i % 20}/package-${i}/lib`,
  );
  for (const [i, name] of folders.entries()) {
    await mkdir(join(folder, name), { recursive: true });
    for (let k = 0; k < Math.min(25, shape.small - i * 25); k++) {
      // Most files are small, some are not.
      const size = between(0, 3) === 0 ? between(4 * kib, 16 * kib) : between(200, 4 * kib);
      await put(`${name}/module-${k}.js`, text(), size);
    }
  }
  await mkdir(join(folder, "bin"), { recursive: true });
  for (let i = 0; i < shape.medium; i++) await put(`bin/program-${i}`, text(), between(64 * kib, 512 * kib));
  await mkdir(join(folder, "data"), { recursive: true });
  for (let i = 0; i < shape.large; i++) {
    await put(`data/part-${i}.db`, i % 3 === 0 ? noise() : text(), between(4 * mib, 12 * mib));
  }
  return { files, bytes };
}

/** Writes files of text of one size into `text/`, the same each time, everywhere. */
export async function makeFiles(folder: string, count: number, size: number): Promise<void> {
  const random = xorshift(20_261_122);
  const pool = text();
  await mkdir(join(folder, "text"), { recursive: true });
  for (let i = 0; i < count; i++) {
    const start = random() % (pool.length - size);
    await writeFile(join(folder, "text", `file-${i}.yml`), pool.subarray(start, start + size));
  }
}
