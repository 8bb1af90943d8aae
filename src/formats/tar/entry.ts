import type { ByteStream } from "../../bytes/stream.ts";
import type { EntryAttributes } from "./attributes.ts";

export type TarEntryType = "file" | "directory" | "symlink" | "hardlink" | "character" | "block" | "fifo";

/** What a tar says about one file. */
export interface TarEntry extends EntryAttributes {
  /** With `/` between parts. Directories carry no `/` at the end; the encoder adds it. */
  readonly name: string;
  readonly type: TarEntryType;
}

/** A run of real bytes in a sparse file; everything between two runs is zeros. */
export interface Extent {
  readonly offset: number;
  readonly size: number;
}

/** An entry on its way out of an archive. */
export interface TarItem extends TarEntry {
  /** Bytes from the start of the tar to this entry's stored data. */
  readonly offset: number;
  /** Bytes of data in the tar: `size`, or for sparse files the sum of their extents. */
  readonly storedSize: number;
  /** Set for sparse files: where the stored bytes belong, in order. */
  readonly sparse?: readonly Extent[];
  /**
   * The whole content where it lies in memory anyway (files up to 64 KiB without holes), not copied: valid until the
   * next entry is asked for.
   */
  readonly bytes?: Uint8Array;
  /** The content, holes filled with zeros. To be read before the next entry is asked for; what is not read is skipped. */
  content(): ByteStream;
  /** The bytes as the archive stores them: of a sparse file only its extents, one after the other. */
  stored(): ByteStream;
}
