import { constants } from "node:fs";
import { link, open, unlink } from "node:fs/promises";
import { dirname, join } from "node:path";
import { systemCode } from "../../errors.ts";
import { writeFully } from "../file-writer.ts";
import { temporaryName } from "../process-identity.ts";

/** Flags for a file that must not be there yet; never writes through a link. */
export const newFileFlags = constants.O_RDWR | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;

/** Writes a file that is not there yet, and syncs its bytes. */
export async function writeNewFile(path: string, bytes: Uint8Array): Promise<void> {
  const handle = await open(path, newFileFlags, 0o644);
  try {
    await writeFully(handle, bytes, 0);
    await handle.datasync();
  } finally {
    await handle.close();
  }
}

/** Makes a file appear whole, unless one of its name is there. */
export async function createWhole(path: string, bytes: Uint8Array): Promise<void> {
  const temporary = join(dirname(path), temporaryName());
  try {
    await writeNewFile(temporary, bytes);
    await link(temporary, path);
  } catch (error) {
    if (systemCode(error) !== "EEXIST") throw error;
  } finally {
    await unlink(temporary).catch(() => {});
  }
}
