import type { ByteStream } from "../../bytes/stream.ts";
import { atPlace, LadingError } from "../../errors.ts";
import type { Extent, TarItem } from "./entry.ts";
import { applyExtensions, type Extensions } from "./extensions.ts";
import { blockSize, checksumFits, isZeroBlock, malformed, textField } from "./fields.ts";
import { type Header, parseHeader, typeOf } from "./header.ts";
import { TarInput } from "./input.ts";
import { ArchivedFile } from "./item.ts";
import { parsePax } from "./pax.ts";
import { checkedExtents, extentsFromOldGnu, paxSparseForm, readPaxSparse } from "./sparse.ts";

export interface ReadTarOptions {
  /** Entries of all types. Default 1,000,000. */
  readonly maxEntries?: number;
  /** Bytes of a name or link target. Default 4096. */
  readonly maxNameBytes?: number;
  /** Bytes of all names, link targets and extended headers together: who lists an archive holds them. Default 256 MiB. */
  readonly maxMetadataBytes?: number;
  /** Bytes of one extended header, and of all global ones together. Default 1 MiB. */
  readonly maxPaxBytes?: number;
  /** Logical bytes of one file. Default: what a number can say exactly. */
  readonly maxEntryBytes?: number;
  /** How errors call the archive: a file or a digest. */
  readonly what?: string;
  readonly signal?: AbortSignal;
}

/** Files up to this size are given whole in `bytes`. */
const wholeBytes = 64 * 1024;

/**
 * Reads a tar of any dialect (V7, ustar, GNU, PAX, star's prefix) in one pass; sparse files come out with their holes
 * filled. Memory stays flat: content goes by in the stream's own chunks. The stream is read to its end, also behind the
 * end blocks, so that a `verify` or `decompress` beneath sees all; missing end blocks are tolerated, as every tar does.
 * @throws LadingError ERR_LADING_ARCHIVE (not a tar, damaged, cut short), ERR_LADING_LIMIT
 */
export async function* readTar(stream: ByteStream, options: ReadTarOptions = {}): AsyncGenerator<TarItem> {
  const input = new TarInput(stream, options.signal);
  const reader = new TarReader(input, options);
  try {
    for (;;) {
      const item = await reader.next();
      if (item === undefined) return;
      yield item;
    }
  } catch (error) {
    throw options.what === undefined ? error : atPlace(error, options.what);
  } finally {
    await input.close();
  }
}

class TarReader {
  readonly #input: TarInput;
  readonly #maxEntries: number;
  readonly #maxNameBytes: number;
  readonly #maxMetadataBytes: number;
  readonly #maxPaxBytes: number;
  readonly #maxEntryBytes: number;
  readonly #global = new Map<string, string>();
  #globalBytes = 0;
  #entries = 0;
  #metadataBytes = 0;
  #last = "";
  /** The entry that was given out, and how much of its data and padding is still ahead. */
  #item: ArchivedFile | undefined;
  #padding = 0;

  constructor(input: TarInput, options: ReadTarOptions) {
    this.#input = input;
    this.#maxEntries = options.maxEntries ?? 1_000_000;
    this.#maxNameBytes = options.maxNameBytes ?? 4096;
    this.#maxMetadataBytes = options.maxMetadataBytes ?? 256 * 1024 * 1024;
    this.#maxPaxBytes = options.maxPaxBytes ?? 1024 * 1024;
    this.#maxEntryBytes = options.maxEntryBytes ?? Number.MAX_SAFE_INTEGER;
  }

  async next(): Promise<TarItem | undefined> {
    const input = this.#input;
    if (this.#item !== undefined) {
      const ahead = this.#item.left + this.#padding;
      this.#item.left = -1;
      this.#item = undefined;
      if (!input.skipNow(ahead) && !(await input.skip(ahead))) throw this.#cutShort();
    }
    const extensions: Extensions = { pax: [], longName: undefined, longLink: undefined };
    let extended = false;
    for (;;) {
      const block = input.takeNow(blockSize) ?? (await input.take(blockSize));
      if (block.length < blockSize || isZeroBlock(block)) {
        if (extended) throw malformed(`the archive ends after an extended header${this.#where()}`);
        await this.#end(block);
        return undefined;
      }
      const at = `at byte ${input.position - blockSize}${this.#where()}`;
      if (!checksumFits(block)) throw this.#notAHeader(block, at);
      const header = parseHeader(block, at);
      switch (header.flag) {
        case "x":
        case "X":
          extensions.pax = parsePax(await this.#metadata(header, this.#maxPaxBytes, "an extended header"));
          extended = true;
          break;
        case "g":
          await this.#readGlobal(header);
          break;
        case "L":
          extensions.longName = await this.#longText(header);
          extended = true;
          break;
        case "K":
          extensions.longLink = await this.#longText(header);
          extended = true;
          break;
        case "V":
          // A volume's label: nothing to show.
          await this.#skipData(header.size);
          break;
        default:
          return await this.#entry(header, block, extensions, at);
      }
    }
  }

  async #entry(header: Header, block: Buffer, extensions: Extensions, at: string): Promise<TarItem> {
    if (++this.#entries > this.#maxEntries) {
      throw new LadingError("ERR_LADING_LIMIT", `the archive has more than ${this.#maxEntries} entries`);
    }
    if (header.flag === "M") {
      throw new LadingError(
        "ERR_LADING_UNSUPPORTED",
        `the archive is one part of several (multi-volume), ${at}`,
      );
    }
    const pax = applyExtensions(header, extensions, this.#global);
    const type = typeOf(header);
    if (type === undefined) {
      throw malformed(
        `the entry ${JSON.stringify(header.name)} has the unknown type ${JSON.stringify(header.flag)}`,
      );
    }
    let size = type === "file" || header.flag === "D" ? header.size : 0;
    let logicalSize = type === "file" ? size : 0;
    let extents: readonly Extent[] | undefined;
    if (type === "file" && header.flag === "S") {
      const map = await extentsFromOldGnu(block, this.#input);
      logicalSize = map.logicalSize;
      extents = checkedExtents(map, size, header.name);
    } else if (type === "file") {
      const form = paxSparseForm(extensions.pax);
      if (form !== undefined) {
        const map = await readPaxSparse(this.#input, form, extensions.pax, size);
        size -= map.mapBytes;
        logicalSize = map.logicalSize;
        extents = checkedExtents(map, size, header.name);
      }
    }
    if (logicalSize > this.#maxEntryBytes) {
      throw new LadingError(
        "ERR_LADING_LIMIT",
        `the file ${JSON.stringify(header.name)} has ${logicalSize} bytes; the limit is ${this.#maxEntryBytes}`,
      );
    }
    this.#checkName(header.name);
    this.#checkName(header.linkName);
    if (header.name === "") throw malformed(`an entry ${at} has no name`);
    this.#last = header.name;

    const item = new ArchivedFile(this.#input, header, type, logicalSize, size, extents, pax);
    this.#item = item;
    this.#padding = -size & (blockSize - 1);
    if (extents === undefined && size <= wholeBytes) {
      const bytes = this.#input.takeNow(size) ?? (await this.#input.take(size));
      if (bytes.length < size) throw this.#cutShort();
      item.left = 0;
      item.bytes = bytes;
    }
    return item;
  }

  async #readGlobal(header: Header): Promise<void> {
    this.#globalBytes += header.size;
    if (this.#globalBytes > this.#maxPaxBytes) throw tooLong("the global headers", this.#maxPaxBytes);
    for (const [key, value] of parsePax(await this.#metadata(header, this.#maxPaxBytes, "a global header"))) {
      if (value === "") this.#global.delete(key);
      else this.#global.set(key, value);
    }
  }

  async #longText(header: Header): Promise<string> {
    const bytes = await this.#metadata(header, this.#maxNameBytes + 1, "a name");
    return textField(bytes, 0, bytes.length);
  }

  /** The data of an entry that only describes others. */
  async #metadata(header: Header, limit: number, what: string): Promise<Buffer> {
    if (header.size > limit) throw tooLong(what, limit);
    this.#countMetadata(header.size);
    if (header.size === 0) return Buffer.alloc(0);
    // Kept over the reading of the padding, which may replace the chunk.
    const bytes = Buffer.from(this.#input.takeNow(header.size) ?? (await this.#input.take(header.size)));
    if (bytes.length < header.size) throw this.#cutShort();
    await this.#skip(-header.size & (blockSize - 1));
    return bytes;
  }

  async #skipData(size: number): Promise<void> {
    await this.#skip(size + (-size & (blockSize - 1)));
  }

  async #skip(count: number): Promise<void> {
    if (!this.#input.skipNow(count) && !(await this.#input.skip(count))) throw this.#cutShort();
  }

  /** After a block of zeros, or where the stream ended. */
  async #end(block: Buffer): Promise<void> {
    if (block.length === blockSize) {
      const second = await this.#input.take(blockSize);
      if (second.length === blockSize && !isZeroBlock(second)) {
        throw malformed(`a block of zeros stands among the entries${this.#where()}`);
      }
      await this.#input.drain();
      return;
    }
    if (block.length > 0) {
      if (this.#entries === 0) throw this.#notAHeader(block, "at its start");
      throw this.#cutShort();
    }
  }

  #notAHeader(block: Buffer, at: string): LadingError {
    if (this.#entries > 0 || this.#input.position > blockSize) {
      return malformed(`the archive is damaged: the header ${at} has a wrong checksum`);
    }
    const compressed =
      block[0] === 0x1f && block[1] === 0x8b
        ? "gzip"
        : block.length >= 4 && block.readUInt32LE(0) === 0xfd2fb528
          ? "zstd"
          : undefined;
    return new LadingError("ERR_LADING_ARCHIVE", "not a tar archive", {
      hint:
        compressed === undefined
          ? "the first 512 bytes are no tar header; check that this is the right file"
          : `these are ${compressed} data: decompress them first`,
    });
  }

  #cutShort(): LadingError {
    return new LadingError(
      "ERR_LADING_ARCHIVE",
      this.#last === ""
        ? "the archive is cut short"
        : `the archive is cut short in entry ${JSON.stringify(this.#last)}`,
      { hint: "fetch or write it again; the transfer broke off" },
    );
  }

  #where(): string {
    return this.#last === "" ? "" : ` (after the entry ${JSON.stringify(this.#last)})`;
  }

  #countMetadata(bytes: number): void {
    this.#metadataBytes += bytes;
    if (this.#metadataBytes <= this.#maxMetadataBytes) return;
    throw new LadingError(
      "ERR_LADING_LIMIT",
      `the archive has more than ${this.#maxMetadataBytes} bytes of names and extended headers`,
    );
  }

  #checkName(name: string): void {
    this.#countMetadata(name.length);
    // No character takes more than three bytes for each UTF-16 unit.
    if (name.length * 3 <= this.#maxNameBytes) return;
    if (Buffer.byteLength(name) > this.#maxNameBytes) throw tooLong("a name", this.#maxNameBytes);
  }
}

function tooLong(what: string, limit: number): LadingError {
  return new LadingError("ERR_LADING_LIMIT", `${what} in the archive is longer than ${limit} bytes`);
}
