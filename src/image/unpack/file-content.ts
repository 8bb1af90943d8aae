import { ftruncateSync, write } from "node:fs";
import { promisify } from "node:util";
import { regroup } from "../../bytes/chunk.ts";
import type { TarItem } from "../../formats/tar/entry.ts";

const writeAt = promisify(write);
const writeBytes = 1024 * 1024;

/** Writes a large or sparse file. The next megabyte is unpacked while the last is written; holes stay holes. */
export async function writeContent(
  fd: number,
  item: TarItem,
  signal: AbortSignal | undefined,
): Promise<void> {
  let writing: Promise<unknown> = Promise.resolve();
  try {
    if (item.sparse === undefined) {
      let at = 0;
      for await (const block of regroup(item.stored(), writeBytes)) {
        await writing;
        signal?.throwIfAborted();
        writing = writeWhole(fd, block, at);
        // Its failure is seen when it is waited for.
        writing.catch(() => {});
        at += block.length;
      }
      await writing;
      return;
    }
    ftruncateSync(fd, item.size);
    const extents = item.sparse[Symbol.iterator]();
    let { value: extent } = extents.next();
    let inExtent = 0;
    for await (const part of regroup(item.stored(), writeBytes)) {
      let done = 0;
      while (done < part.length && extent !== undefined) {
        const piece = part.subarray(done, done + extent.size - inExtent);
        await writeWhole(fd, piece, extent.offset + inExtent);
        done += piece.length;
        inExtent += piece.length;
        if (inExtent === extent.size) {
          extent = extents.next().value;
          inExtent = 0;
        }
      }
      signal?.throwIfAborted();
    }
  } finally {
    // The caller closes the file: nothing may be on its way to it then.
    await writing.catch(() => {});
  }
}

async function writeWhole(fd: number, bytes: Uint8Array, at: number): Promise<void> {
  for (let done = 0; done < bytes.length; ) {
    done += (await writeAt(fd, bytes, done, bytes.length - done, at + done)).bytesWritten;
  }
}
