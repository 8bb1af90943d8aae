/**
 * Headers as Go's `archive/tar` writes them, byte for byte: whoever wants the digests of a program in Go needs the same
 * choice of form, and the same names in fields that nobody reads. Everything belongs to 0:0 and is from 1970.
 */
import { isAscii, padding, splitName } from "./encode.ts";
import { type HeaderFields, headerBlock, maxOctal7, maxOctal11 } from "./header-block.ts";
import { encodePax } from "./pax.ts";

export interface GoTarEntry {
  /** Relative, parts separated by `/`, none at the end, without NUL. */
  readonly name: string;
  readonly type: "file" | "directory";
  /** Up to 32 bits: Go keeps more than POSIX permissions in it, see {@link goFileMode}. */
  readonly mode: number;
  /** Bytes; 0 for a directory. */
  readonly size: number;
}

const nameLength = 100;

/**
 * The blocks before an entry's content. ustar where it can say all; PAX for names that it cannot hold and for sizes from
 * 8 GiB; GNU where the mode does not fit octal digits, which PAX has no record for.
 */
export function encodeGoHeader(entry: GoTarEntry): Buffer {
  if (entry.mode > maxOctal7) return gnuHeader(entry);
  const split = splitName(entry.name);
  const tooLarge = entry.size > maxOctal11;
  if (split === undefined || tooLarge) return paxHeader(entry, tooLarge);
  return headerBlock({ ...fieldsOf(entry), ...split });
}

function paxHeader(entry: GoTarEntry, tooLarge: boolean): Buffer {
  const { name } = entry;
  const records: [string, string][] = [];
  // Go names the path as soon as one field does not hold it, even where two would.
  if (!isAscii(name) || name.length > nameLength) records.push(["path", name]);
  if (tooLarge) records.push(["size", String(entry.size)]);
  const main = headerBlock({
    ...fieldsOf(entry),
    name: cutName(Buffer.from(asciiOnly(name), "latin1")),
    size: tooLarge ? 0 : entry.size,
  });
  const at = name.lastIndexOf("/") + 1;
  const extra = `${name.slice(0, at)}PaxHeaders.0/${name.slice(at)}`;
  return Buffer.concat([specialEntry(asciiOnly(extra), "x", encodePax(records), "ustar"), main]);
}

function gnuHeader(entry: GoTarEntry): Buffer {
  const name = Buffer.from(entry.name);
  const main = headerBlock({ ...fieldsOf(entry), form: "gnu", name: cutName(name) });
  if (name.length <= nameLength) return main;
  return Buffer.concat([specialEntry("././@LongLink", "L", Buffer.from(`${entry.name}\0`), "gnu"), main]);
}

function fieldsOf({ name, type, mode, size }: GoTarEntry): HeaderFields {
  return {
    ...{ name, mode, size, uid: 0, gid: 0, mtime: 0 },
    flag: type === "directory" ? "5" : "0",
    device: { major: 0, minor: 0 },
  };
}

/** An entry that says more about the next one. Its device fields stay empty. */
function specialEntry(name: string, flag: string, body: Buffer, form: "ustar" | "gnu"): Buffer {
  const short = name.slice(0, nameLength).replace(/\/+$/, "");
  const header = headerBlock({
    ...{ form, flag, name: short, size: body.length, mode: 0, uid: 0, gid: 0, mtime: 0 },
  });
  return Buffer.concat([header, body, padding(body.length)]);
}

/** Characters beyond ASCII are dropped, not replaced. */
function asciiOnly(text: string): string {
  return isAscii(text) ? text : text.replace(/[^\0-\x7f]/g, "");
}

/** The start of a long name; a `/` at its end, which would say "directory", is taken away by a NUL where the slashes begin. */
function cutName(name: Buffer): Buffer {
  if (name.length <= nameLength) return name;
  const cut = Buffer.from(name.subarray(0, nameLength));
  if (cut[nameLength - 1] !== 0x2f) return cut;
  let end = nameLength;
  while (cut[end - 1] === 0x2f) end--;
  cut[end] = 0;
  return cut;
}

/**
 * The mode of a file on disk as Go's `FileMode` counts it: permissions as in POSIX, everything else in high bits.
 * @param mode as `stat` gives it
 */
export function goFileMode(mode: number): number {
  return (
    (mode & 0o777) +
    ((mode & 0o170000) === 0o040000 ? 2 ** 31 : 0) +
    (mode & 0o4000 ? 2 ** 23 : 0) +
    (mode & 0o2000 ? 2 ** 22 : 0) +
    (mode & 0o1000 ? 2 ** 20 : 0)
  );
}
