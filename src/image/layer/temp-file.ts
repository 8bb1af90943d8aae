import { randomBytes } from "node:crypto";
import { type FileHandle, open, rm } from "node:fs/promises";
import { join } from "node:path";
import type { ByteStream } from "../../bytes/stream.ts";
import { writeFully } from "../../stores/file-writer.ts";
import { storeError } from "../../stores/store-error.ts";

/** Bytes per write, and how many writes may be under way: the thread pool also compresses, so a write has to queue. */
const bufferSize = 512 * 1024;
const most = 4;

/**
 * A file that nobody else sees: its name is taken away as soon as it is open, so that it is gone with the process
 * whatever ends that.
 * @throws LadingError ERR_LADING_STORE, ERR_LADING_NOT_FOUND for the folder
 */
export async function openTempFile(folder: string): Promise<FileHandle> {
  const path = join(folder, `.lading-layer-${randomBytes(8).toString("hex")}`);
  try {
    const handle = await open(path, "wx+", 0o600);
    try {
      await rm(path);
    } catch (error) {
      await handle.close();
      throw error;
    }
    return handle;
  } catch (error) {
    throw storeError(error, folder, `cannot make a temporary file in ${folder}`);
  }
}

/**
 * Writes the stream to the start of the file; resolves to its size. Several writes are under way at a time.
 * @throws LadingError ERR_LADING_STORE
 */
export async function writeAll(handle: FileHandle, stream: ByteStream, folder: string): Promise<number> {
  const free: Buffer[] = [];
  const busy: Promise<void>[] = [];
  let buffer: Buffer = Buffer.allocUnsafeSlow(bufferSize);
  let used = 0;
  let position = 0;

  const flush = async (): Promise<void> => {
    const full = buffer;
    const write = writeFully(handle, full.subarray(0, used), position).then(
      () => void free.push(full),
      (error: unknown) => {
        throw storeError(error, folder, `cannot write a temporary file in ${folder}`);
      },
    );
    write.catch(() => {});
    busy.push(write);
    position += used;
    used = 0;
    if (busy.length >= most) await busy.shift();
    buffer = free.pop() ?? Buffer.allocUnsafeSlow(bufferSize);
  };

  try {
    for await (const chunk of stream) {
      for (let at = 0; at < chunk.byteLength; ) {
        const count = Math.min(buffer.length - used, chunk.byteLength - at);
        buffer.set(chunk.subarray(at, at + count), used);
        used += count;
        at += count;
        if (used === buffer.length) await flush();
      }
    }
    if (used > 0) await flush();
    await Promise.all(busy);
  } catch (error) {
    // The handle must not be closed under a write.
    await Promise.allSettled(busy);
    throw error;
  }
  return position;
}
