import type { ByteStream } from "../../bytes/stream.ts";

export type TarEntryType = "file" | "directory" | "symlink" | "hardlink" | "character" | "block" | "fifo";

/** What a tar says about one file. */
export interface TarEntry {
  /** With `/` between parts. Directories carry no `/` at the end; the encoder adds it. */
  readonly name: string;
  readonly type: TarEntryType;
  /** Permission bits with setuid, setgid and sticky: at most 0o7777. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly uname?: string;
  readonly gname?: string;
  /** Seconds since 1970; may have a fraction or be negative. */
  readonly mtime: number;
  /** Bytes of the file as a program sees it, holes of sparse files included; 0 for all other types. */
  readonly size: number;
  /** Where a symlink points, or the earlier entry that a hard link names. */
  readonly linkName?: string;
  readonly devMajor?: number;
  readonly devMinor?: number;
  /**
   * Further PAX records, such as `SCHILY.xattr.user.x`. Values of extended attributes are binary: one character per
   * byte. What the other fields say is not repeated here.
   */
  readonly pax?: Readonly<Record<string, string>>;
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
