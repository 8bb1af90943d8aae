import { blockSize, checksum } from "./fields.ts";

/** Largest numbers of the fields for modes, owners and devices, and for sizes and times. */
export const maxOctal7 = 0o7777777;
export const maxOctal11 = 0o77777777777;

/** What one header block says. Texts that are longer than their fields are cut. */
export interface HeaderFields {
  /** Default "ustar". With "gnu", numbers may be larger than octal digits can say; they are written in base 256 then. */
  readonly form?: "ustar" | "gnu";
  readonly name: string | Uint8Array;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly size: number;
  readonly mtime: number;
  readonly flag: string;
  readonly linkName?: string;
  readonly uname?: string;
  readonly gname?: string;
  /** Left out: the fields of both device numbers stay empty. */
  readonly device?: { readonly major: number; readonly minor: number };
  readonly prefix?: string;
}

/** The 512 bytes of a header (POSIX "ustar Interchange Format"; GNU tar, "Basic Tar Format"). */
export function headerBlock(fields: HeaderFields): Buffer {
  const block = Buffer.alloc(blockSize);
  if (typeof fields.name === "string") block.write(fields.name, 0, 100, "latin1");
  else block.set(fields.name.subarray(0, 100));
  number(block, fields.mode, 100, 8);
  number(block, fields.uid, 108, 8);
  number(block, fields.gid, 116, 8);
  number(block, fields.size, 124, 12);
  number(block, fields.mtime, 136, 12);
  block.write(fields.flag, 156, 1, "latin1");
  if (fields.linkName) block.write(fields.linkName, 157, 100, "latin1");
  block.write(fields.form === "gnu" ? "ustar  \0" : "ustar\x0000", 257, 8, "latin1");
  if (fields.uname) block.write(fields.uname, 265, 32, "latin1");
  if (fields.gname) block.write(fields.gname, 297, 32, "latin1");
  if (fields.device !== undefined) {
    number(block, fields.device.major, 329, 8);
    number(block, fields.device.minor, 337, 8);
  }
  if (fields.prefix) block.write(fields.prefix, 345, 155, "latin1");
  // Six digits, NUL, space: as every writer has done since V7.
  number(block, checksum(block), 148, 7);
  block[155] = 0x20;
  return block;
}

/** Zero-filled octal digits and a NUL at the end; base 256 with the first bit set for what is too large for them. */
function number(block: Buffer, value: number, start: number, length: number): void {
  const isOctal = value < 8 ** (length - 1);
  const base = isOctal ? 8 : 256;
  let rest = value;
  for (let at = start + length - (isOctal ? 2 : 1); at >= start; at--) {
    block[at] = (isOctal ? 0x30 : 0) + (rest % base);
    rest = Math.floor(rest / base);
  }
  if (!isOctal) block[start] = (block[start] as number) | 0x80;
}
