import { digestOf } from "../../bytes/hash.ts";
import { hexOf } from "../../spec/digest.ts";
import type { PartialFile } from "../../stores/archive/partial-file.ts";
import { writeFully } from "../../stores/file-writer.ts";
import type { PreparedTar } from "./prepare.ts";

/** Bytes of one number. */
const slot = 8;

/**
 * How much of each layer stands in an unfinished tar. It lies behind the tar's end in the same file, and is cut off with
 * the last step: first the identity of the tar, then a number for each layer. It may say too little, and after a crash of
 * the machine too much: what it tells of is read and checked before it counts.
 */
export class Journal {
  readonly #file: PartialFile;
  readonly #at: number;
  /** Bytes of each layer, from its start. */
  readonly #bytes: number[];

  private constructor(file: PartialFile, at: number, bytes: number[]) {
    this.#file = file;
    this.#at = at;
    this.#bytes = bytes;
  }

  /**
   * Goes on with what an earlier run of the same tar left in the file. A left-over of anything else is thrown away.
   * @throws LadingError ERR_LADING_STORE
   */
  static async open(file: PartialFile, tar: PreparedTar): Promise<Journal> {
    const identity = identityOf(tar);
    const table = Buffer.alloc(identity.byteLength + slot * tar.blobs.length);
    const length = tar.size + table.byteLength;
    const { size } = await file.disk(file.handle.stat());
    if (size === length) await file.disk(readFully(file, table, tar.size));
    const known = table.subarray(0, identity.byteLength).equals(identity);
    if (!known) {
      table.fill(0);
      table.set(identity);
      await file.disk(file.handle.truncate(0));
      await file.disk(writeFully(file.handle, table, tar.size));
    }
    const bytes = tar.blobs.map(({ descriptor }, i) => {
      const noted = table.readBigUInt64LE(identity.byteLength + slot * i);
      return noted > BigInt(descriptor.size) ? 0 : Number(noted);
    });
    return new Journal(file, tar.size + identity.byteLength, bytes);
  }

  /** Bytes of this layer that stand in their place. */
  bytes(layer: number): number {
    return this.#bytes[layer] ?? 0;
  }

  /** Bytes of all layers. */
  total(): number {
    return this.#bytes.reduce((sum, bytes) => sum + bytes, 0);
  }

  /** Notes that so many bytes of the layer have been written. */
  async note(layer: number, bytes: number): Promise<void> {
    this.#bytes[layer] = bytes;
    const number = Buffer.alloc(slot);
    number.writeBigUInt64LE(BigInt(bytes));
    await this.#file.disk(writeFully(this.#file.handle, number, this.#at + slot * layer));
  }
}

/** Tars with the same entries at the same places, and only those, have the same. */
function identityOf({ document, blobs }: PreparedTar): Buffer {
  const places = blobs.map(({ place }) => `${place.headerAt} ${place.size} ${place.name}\n`);
  return Buffer.from(hexOf(digestOf(Buffer.concat([document, Buffer.from(places.join(""))]))), "hex");
}

async function readFully(file: PartialFile, buffer: Buffer, position: number): Promise<void> {
  let filled = 0;
  while (filled < buffer.byteLength) {
    const { bytesRead } = await file.handle.read(
      buffer,
      filled,
      buffer.byteLength - filled,
      position + filled,
    );
    if (bytesRead === 0) return;
    filled += bytesRead;
  }
}
