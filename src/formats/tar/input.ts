import type { ByteStream } from "../../bytes/stream.ts";

const none = Buffer.alloc(0);

/**
 * Reads a stream in pieces of wanted sizes. What lies in the chunk at hand is given out at once and without copying;
 * only running out of it costs a promise.
 */
export class TarInput {
  readonly #iterator: AsyncIterator<Uint8Array>;
  readonly #signal: AbortSignal | undefined;
  #chunk: Buffer = none;
  #at = 0;
  #ended = false;
  /** Bytes given out or skipped so far. */
  position = 0;

  constructor(stream: ByteStream, signal: AbortSignal | undefined) {
    this.#iterator = stream[Symbol.asyncIterator]();
    this.#signal = signal;
  }

  /** The next `count` bytes when all of them are at hand. */
  takeNow(count: number): Buffer | undefined {
    const end = this.#at + count;
    if (end > this.#chunk.length) return undefined;
    const bytes = this.#chunk.subarray(this.#at, end);
    this.#at = end;
    this.position += count;
    return bytes;
  }

  /** The next `count` bytes, fewer only at the end of the stream. */
  async take(count: number): Promise<Buffer> {
    const parts: Buffer[] = [];
    let missing = count;
    while (missing > 0) {
      const part = await this.some(missing);
      if (part === undefined) break;
      missing -= part.length;
      // The chunk that it lies in may be reused once the next one is asked for.
      parts.push(missing > 0 ? Buffer.from(part) : part);
    }
    return parts.length === 1 ? (parts[0] ?? none) : Buffer.concat(parts, count - missing);
  }

  /** Between 1 and `most` bytes, or undefined at the end. */
  async some(most: number): Promise<Buffer | undefined> {
    if (this.#at === this.#chunk.length && !(await this.#fill())) return undefined;
    const part = this.#chunk.subarray(this.#at, Math.min(this.#chunk.length, this.#at + most));
    this.#at += part.length;
    this.position += part.length;
    return part;
  }

  skipNow(count: number): boolean {
    if (this.#at + count > this.#chunk.length) return false;
    this.#at += count;
    this.position += count;
    return true;
  }

  /** False when the stream ends before. */
  async skip(count: number): Promise<boolean> {
    let missing = count;
    while (missing > 0) {
      const part = await this.some(missing);
      if (part === undefined) return false;
      missing -= part.length;
    }
    return true;
  }

  /** Reads to the end of the stream, so that checks that wait there take place. */
  async drain(): Promise<void> {
    while ((await this.some(Number.MAX_SAFE_INTEGER)) !== undefined);
  }

  /** Tells the stream that nobody reads on. */
  async close(): Promise<void> {
    if (this.#ended) return;
    this.#ended = true;
    this.#chunk = none;
    this.#at = 0;
    await this.#iterator.return?.();
  }

  async #fill(): Promise<boolean> {
    while (!this.#ended) {
      this.#signal?.throwIfAborted();
      const { done, value } = await this.#iterator.next();
      if (done === true) {
        this.#ended = true;
        return false;
      }
      if (value.byteLength === 0) continue;
      this.#chunk = Buffer.from(value.buffer, value.byteOffset, value.byteLength);
      this.#at = 0;
      return true;
    }
    return false;
  }
}
