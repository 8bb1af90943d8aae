import { lstat, readdir } from "node:fs/promises";
import { join } from "node:path";
import { type Digest, hexLength, isDigest } from "../../spec/digest.ts";
import type { BlobFiles } from "./blob-files.ts";
import type { Catalog } from "./catalog.ts";
import type { IndexFile } from "./index-file.ts";

/** The pieces of a layout that its whole-layout operations work on. */
export interface LayoutParts {
  readonly index: IndexFile;
  readonly files: BlobFiles;
  readonly catalog: Catalog;
  readonly label: string;
}

/** A file under `blobs/`. */
export interface BlobFile {
  /** Undefined for a name that is no digest, or for what is not a regular file. */
  readonly digest: Digest | undefined;
  /** Relative to the layout. */
  readonly path: string;
  /** Bytes. */
  readonly size: number;
  readonly modifiedMs: number;
}

/** Everything under `blobs/`, whatever its name. */
export async function* blobFiles(files: BlobFiles): AsyncGenerator<BlobFile> {
  const root = join(files.folder, "blobs");
  for (const algorithm of (await readdir(root).catch(() => [] as string[])).sort()) {
    const folder = join(root, algorithm);
    const known = Object.hasOwn(hexLength, algorithm);
    for (const name of (await readdir(folder).catch(() => [] as string[])).sort()) {
      const info = await lstat(join(folder, name)).catch(() => undefined);
      if (info === undefined) continue;
      const digest = `${algorithm}:${name}`;
      yield {
        digest: known && info.isFile() && isDigest(digest) ? digest : undefined,
        path: `blobs/${algorithm}/${name}`,
        size: info.size,
        modifiedMs: info.mtimeMs,
      };
    }
  }
}
