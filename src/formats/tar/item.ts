import { LadingError } from "../../errors.ts";
import type { Extent, TarEntryType, TarItem } from "./entry.ts";
import type { Header } from "./header.ts";
import type { TarInput } from "./input.ts";

const zeroBytes = 256 * 1024;

/** An entry and its place in the stream that is being read. */
export class ArchivedFile implements TarItem {
  readonly name: string;
  readonly type: TarEntryType;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly mtime: number;
  readonly size: number;
  readonly offset: number;
  readonly storedSize: number;
  declare readonly uname?: string;
  declare readonly gname?: string;
  declare readonly linkName?: string;
  declare readonly devMajor?: number;
  declare readonly devMinor?: number;
  declare readonly pax?: Readonly<Record<string, string>>;
  declare readonly sparse?: readonly Extent[];
  declare bytes?: Uint8Array;
  readonly #input: TarInput;
  /** Stored bytes that were not given out yet; -1 when the reader has gone on. */
  left: number;

  constructor(
    input: TarInput,
    header: Header,
    type: TarEntryType,
    size: number,
    storedSize: number,
    sparse: readonly Extent[] | undefined,
    pax: Record<string, string> | undefined,
  ) {
    this.#input = input;
    this.name = header.name;
    this.type = type;
    this.mode = header.mode;
    this.uid = header.uid;
    this.gid = header.gid;
    this.mtime = header.mtime;
    this.size = size;
    this.offset = input.position;
    this.storedSize = storedSize;
    this.left = storedSize;
    if (header.uname !== "") this.uname = header.uname;
    if (header.gname !== "") this.gname = header.gname;
    if (type === "symlink" || type === "hardlink") this.linkName = header.linkName;
    if (type === "character" || type === "block") {
      this.devMajor = header.devMajor;
      this.devMinor = header.devMinor;
    }
    if (sparse !== undefined) this.sparse = sparse;
    if (pax !== undefined) this.pax = pax;
  }

  async *stored(): AsyncGenerator<Uint8Array> {
    if (this.bytes !== undefined) {
      if (this.left < 0) throw passed(this.name);
      if (this.bytes.length > 0) yield this.bytes;
      return;
    }
    for (;;) {
      if (this.left < 0) throw passed(this.name);
      if (this.left === 0) return;
      const part = await this.#input.some(this.left);
      if (part === undefined) {
        throw new LadingError(
          "ERR_LADING_ARCHIVE",
          `the archive is cut short in entry ${JSON.stringify(this.name)}`,
          { hint: "fetch or write it again; the transfer broke off" },
        );
      }
      this.left -= part.length;
      yield part;
    }
  }

  content(): AsyncGenerator<Uint8Array> {
    return this.sparse === undefined ? this.stored() : this.#filled(this.sparse);
  }

  async *#filled(extents: readonly Extent[]): AsyncGenerator<Uint8Array> {
    const stored = this.stored();
    let part: Uint8Array = new Uint8Array(0);
    let at = 0;
    for (const extent of extents) {
      yield* zeros(extent.offset - at);
      at = extent.offset;
      const end = extent.offset + extent.size;
      while (at < end) {
        if (part.length === 0) part = (await stored.next()).value ?? part;
        const piece = part.subarray(0, end - at);
        part = part.subarray(piece.length);
        at += piece.length;
        yield piece;
      }
    }
    yield* zeros(this.size - at);
  }
}

function* zeros(count: number): Generator<Uint8Array> {
  if (count <= 0) return;
  const block = new Uint8Array(Math.min(count, zeroBytes));
  for (let left = count; left > 0; left -= block.length) {
    // A receiver may have written into the chunk that it was given.
    block.fill(0);
    yield left >= block.length ? block : block.subarray(0, left);
  }
}

function passed(name: string): Error {
  return new Error(`content of ${JSON.stringify(name)} was asked for after the next entry`);
}
