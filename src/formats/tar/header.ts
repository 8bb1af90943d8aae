import type { TarEntryType } from "./entry.ts";
import { blockSize, malformed, numberField, textField } from "./fields.ts";

/** One 512-byte header as it stands, before extended headers change it. */
export interface Header {
  name: string;
  /** The type flag as a character; NUL is given as "0". */
  flag: string;
  mode: number;
  uid: number;
  gid: number;
  size: number;
  mtime: number;
  linkName: string;
  uname: string;
  gname: string;
  devMajor: number;
  devMinor: number;
  /** Which dialect the magic names: it decides what the bytes after 257 mean. */
  readonly form: "v7" | "ustar" | "gnu";
}

/** @param at where the header is, for messages */
export function parseHeader(block: Buffer, at: string): Header {
  const form = formOf(block);
  const flagByte = block[156] as number;
  const flag = flagByte === 0 ? "0" : String.fromCharCode(flagByte);
  const isDevice = flag === "3" || flag === "4";
  const number = (start: number, length: number, what: string): number => {
    const value = numberField(block, start, length);
    if (value === undefined) throw malformed(`the header ${at} has no readable ${what}`);
    return value;
  };
  const name = textField(block, 0, 100);
  const header: Header = {
    name,
    flag,
    mode: number(100, 8, "mode") & 0o7777,
    uid: number(108, 8, "owner"),
    gid: number(116, 8, "group"),
    size: number(124, 12, "size"),
    mtime: number(136, 12, "time"),
    linkName: textField(block, 157, 100),
    uname: "",
    gname: "",
    devMajor: 0,
    devMinor: 0,
    form,
  };
  if (header.size < 0) throw malformed(`the header ${at} has a negative size`);
  if (form === "v7") return header;
  header.uname = textField(block, 265, 32);
  header.gname = textField(block, 297, 32);
  // Some writers leave garbage here where it means nothing.
  if (isDevice) {
    header.devMajor = number(329, 8, "device number");
    header.devMinor = number(337, 8, "device number");
  }
  const prefix = prefixOf(block, form);
  if (prefix !== "") header.name = `${prefix}/${name}`;
  return header;
}

function formOf(block: Buffer): Header["form"] {
  const magic = block.toString("latin1", 257, 265);
  if (magic === "ustar  \0") return "gnu";
  return magic.startsWith("ustar") ? "ustar" : "v7";
}

function prefixOf(block: Buffer, form: Header["form"]): string {
  if (form === "ustar") {
    // The star dialect keeps times behind a shorter prefix.
    return textField(block, 345, block.toString("latin1", 508, blockSize) === "tar\0" ? 131 : 155);
  }
  // GNU keeps times here. Go before 1.8 wrote a prefix all the same, in images that are still around.
  const isTimes = numberField(block, 345, 12) !== undefined && numberField(block, 357, 12) !== undefined;
  return isTimes ? "" : textField(block, 345, 155);
}

/** What a type flag stands for; undefined for those that are no entry that Lading knows. */
export function typeOf(header: Header): TarEntryType | undefined {
  switch (header.flag) {
    case "0":
    case "7":
    case "S":
      return "file";
    case "1":
      return "hardlink";
    case "2":
      return "symlink";
    case "3":
      return "character";
    case "4":
      return "block";
    case "5":
    case "D":
      return "directory";
    case "6":
      return "fifo";
    default:
      return undefined;
  }
}
