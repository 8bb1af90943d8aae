/** A file that appears whole under its name, or not at all. */
import { open, rename, rm, stat } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { createHasher } from "../bytes/hash.ts";
import type { ByteStream } from "../bytes/stream.ts";
import { LadingError } from "../errors.ts";
import type { Digest } from "../spec/digest.ts";
import { FileWriter } from "../stores/file-writer.ts";
import { storeError } from "../stores/store-error.ts";
import { syncFolder } from "../stores/sync-folder.ts";

/** Writes beside the file first; what was there stays until the new content is complete and on disk. */
export async function writeOutputFile(
  path: string,
  stream: ByteStream,
): Promise<{ readonly size: number; readonly digest: Digest }> {
  const found = await stat(path).catch(() => undefined);
  if (found?.isDirectory()) {
    throw new LadingError("ERR_LADING_USAGE", "a folder stands where the file should be written", {
      place: path,
    });
  }
  const part = join(dirname(path), `.${basename(path)}.lading-${process.pid}`);
  try {
    return await writeAndRename(part, path, stream);
  } catch (error) {
    await rm(part, { force: true });
    throw storeError(error, path, "the file cannot be written");
  }
}

async function writeAndRename(
  part: string,
  path: string,
  stream: ByteStream,
): Promise<{ readonly size: number; readonly digest: Digest }> {
  const hasher = createHasher();
  let size = 0;
  const handle = await open(part, "w");
  try {
    const writer = new FileWriter(handle, 0);
    for await (const chunk of stream) {
      hasher.update(chunk);
      size += chunk.byteLength;
      await writer.write(chunk);
    }
    await writer.flush();
    await handle.datasync();
  } finally {
    await handle.close();
  }
  await rename(part, path);
  await syncFolder(dirname(path));
  return { size, digest: hasher.digest() };
}
