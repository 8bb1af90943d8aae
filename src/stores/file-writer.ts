import type { FileHandle } from "node:fs/promises";

const blockSize = 1024 * 1024;

/** A FileWriter holds less than this of what it has taken; the rest is written. Bytes. */
export const heldBytes: number = 2 * blockSize;

/**
 * Writes chunks into an open file in pieces of 1 MiB, each while the next one is gathered. Call `flush` at the end, also
 * after a failure of the chunks' source when what came before it shall stay.
 */
export class FileWriter {
  readonly #handle: FileHandle;
  readonly #blockSize: number;
  readonly #blocks: (Buffer | undefined)[] = [undefined, undefined];
  #turn = 0;
  #used = 0;
  #position: number;
  #pending: Promise<unknown> | undefined;

  /**
   * @param position bytes from the start of the file
   * @param expected bytes to come, if known: small content takes small buffers
   */
  constructor(handle: FileHandle, position: number, expected: number = blockSize) {
    this.#handle = handle;
    this.#position = position;
    this.#blockSize = Math.max(1, Math.min(blockSize, expected));
  }

  /** Takes the chunk; resolves when it may be used again, not when it is on disk. */
  async write(chunk: Uint8Array): Promise<void> {
    let start = 0;
    while (start < chunk.byteLength) {
      const block = this.#blocks[this.#turn] ?? Buffer.allocUnsafeSlow(this.#blockSize);
      this.#blocks[this.#turn] = block;
      const count = Math.min(block.byteLength - this.#used, chunk.byteLength - start);
      block.set(chunk.subarray(start, start + count), this.#used);
      this.#used += count;
      start += count;
      if (this.#used === block.byteLength) await this.#start(block);
    }
  }

  /** Waits until all that was taken is written. */
  async flush(): Promise<void> {
    const block = this.#blocks[this.#turn];
    if (block !== undefined && this.#used > 0) await this.#start(block.subarray(0, this.#used));
    await this.#wait();
  }

  async #start(bytes: Uint8Array): Promise<void> {
    await this.#wait();
    const position = this.#position;
    this.#position += bytes.byteLength;
    this.#turn = 1 - this.#turn;
    this.#used = 0;
    this.#pending = writeFully(this.#handle, bytes, position);
    // Its failure is thrown by the next write or flush.
    this.#pending.catch(() => {});
  }

  async #wait(): Promise<void> {
    const pending = this.#pending;
    this.#pending = undefined;
    await pending;
  }
}

/** Writes all bytes at this place of the file. */
export async function writeFully(handle: FileHandle, bytes: Uint8Array, position: number): Promise<void> {
  let done = 0;
  while (done < bytes.byteLength) {
    const { bytesWritten } = await handle.write(bytes, done, bytes.byteLength - done, position + done);
    done += bytesWritten;
  }
}
