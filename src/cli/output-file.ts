/** A file that appears whole under its name, or not at all. */
import { open, rename, rm, stat, unlink } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { createHasher } from "../bytes/hash.ts";
import type { ByteStream } from "../bytes/stream.ts";
import { LadingError, systemCode } from "../errors.ts";
import type { Digest } from "../spec/digest.ts";
import { FileWriter } from "../stores/file-writer.ts";
import { storeError } from "../stores/store-error.ts";
import { syncFolder } from "../stores/sync-folder.ts";

/**
 * Writes beside the file first; what was there stays until the new content is complete and on disk.
 * @param mode permissions of the file; by default what the umask leaves
 * @throws LadingError ERR_LADING_STORE, ERR_LADING_NOT_FOUND for the folder, ERR_LADING_USAGE when it is a folder itself
 */
export async function writeOutputFile(
  path: string,
  stream: ByteStream,
  mode?: number,
): Promise<{ readonly size: number; readonly digest: Digest }> {
  const found = await stat(path).catch(() => undefined);
  if (found?.isDirectory()) {
    throw new LadingError("ERR_LADING_USAGE", "a folder stands where the file should be written", {
      place: path,
    });
  }
  const part = join(dirname(path), `.${basename(path)}.lading-${process.pid}`);
  try {
    return await writeAndRename(part, path, stream, mode);
  } catch (error) {
    if (systemCode(error) !== "EEXIST") await rm(part, { force: true });
    throw storeError(error, path, "the file cannot be written");
  }
}

async function writeAndRename(
  part: string,
  path: string,
  stream: ByteStream,
  mode: number | undefined,
): Promise<{ readonly size: number; readonly digest: Digest }> {
  const hasher = createHasher();
  let size = 0;
  // What a killed process of this number left goes; what somebody puts here now is not written to, nor through.
  await unlink(part).catch(() => {});
  const handle = await open(part, "wx", mode);
  try {
    // A mode that was asked for holds whatever the umask is.
    if (mode !== undefined) await handle.chmod(mode);
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
