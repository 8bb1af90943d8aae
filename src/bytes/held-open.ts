import type { ByteStream } from "./stream.ts";

/**
 * A stream that its readers cannot close, so that what they leave unread can still be drained: a layer is verified only
 * when all of it went by, whatever the reader of its tar wanted.
 */
export class HeldOpen implements ByteStream {
  readonly #iterator: AsyncIterator<Uint8Array>;

  constructor(stream: ByteStream) {
    this.#iterator = stream[Symbol.asyncIterator]();
  }

  [Symbol.asyncIterator](): AsyncIterator<Uint8Array> {
    return { next: () => this.#iterator.next() };
  }

  /** Reads what is left, and throws what the stream throws at its end. */
  async drain(): Promise<void> {
    while ((await this.#iterator.next()).done !== true);
  }

  async close(): Promise<void> {
    await this.#iterator.return?.();
  }
}
