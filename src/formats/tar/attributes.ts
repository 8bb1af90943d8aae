/** What is known of a file beside its name, type and content. */
export interface FileAttributes {
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
  /** Where a symlink points as it is written, or the earlier entry that a hard link names. */
  readonly linkName?: string;
}

/** And what few files have. */
export interface EntryAttributes extends FileAttributes {
  readonly devMajor?: number;
  readonly devMinor?: number;
  /**
   * Further PAX records, such as `SCHILY.xattr.user.x`. Values of extended attributes are binary: one character per
   * byte. What the other fields say is not repeated here.
   */
  readonly pax?: Readonly<Record<string, string>>;
}

/** Only these fields of something that has more. */
export function fileAttributes(from: FileAttributes): FileAttributes {
  const { mode, uid, gid, uname, gname, mtime, size, linkName } = from;
  return {
    ...{ mode, uid, gid, mtime, size },
    ...(uname === undefined ? {} : { uname }),
    ...(gname === undefined ? {} : { gname }),
    ...(linkName === undefined ? {} : { linkName }),
  };
}

/** Only these fields of something that has more. */
export function entryAttributes(from: EntryAttributes): EntryAttributes {
  const { devMajor, devMinor, pax } = from;
  return {
    ...fileAttributes(from),
    ...(devMajor === undefined ? {} : { devMajor }),
    ...(devMinor === undefined ? {} : { devMinor }),
    ...(pax === undefined ? {} : { pax }),
  };
}
