import { LadingError } from "../../errors.ts";
import type { TarEntry, TarEntryType } from "./entry.ts";
import { blockSize } from "./fields.ts";
import { type HeaderFields, headerBlock, maxOctal7, maxOctal11 } from "./header-block.ts";
import { encodePax } from "./pax.ts";

const flags: Readonly<Record<TarEntryType, string>> = {
  file: "0",
  hardlink: "1",
  symlink: "2",
  character: "3",
  block: "4",
  directory: "5",
  fifo: "6",
};

/** The end of an archive: two blocks of zeros. */
export const tarEnd: Buffer = Buffer.alloc(2 * blockSize);

const zeros = new Uint8Array(blockSize);

/** The zeros that fill up content of this size to whole blocks; may be empty. */
export function padding(size: number): Uint8Array {
  const rest = size % blockSize;
  return rest === 0 ? zeros.subarray(0, 0) : zeros.subarray(rest);
}

/** What an entry's own fields say, and what no reproducible archive has. */
const ownKeys: ReadonlySet<string> = new Set([
  ...["path", "linkpath", "size", "uid", "gid", "uname", "gname", "mtime"],
  ...["atime", "ctime", "hdrcharset"],
]);

/**
 * The blocks that stand before an entry's content. The same entry always gives the same bytes: a plain ustar header
 * where that can say it all, and otherwise one PAX header before it with just what is missing, sorted by key. Access
 * and change times are never written.
 * @throws LadingError ERR_LADING_USAGE for values that no tar can hold
 */
export function encodeHeader(entry: TarEntry): Buffer {
  check(entry);
  const name = entry.type === "directory" && !entry.name.endsWith("/") ? `${entry.name}/` : entry.name;
  const linkName = entry.linkName ?? "";
  const size = entry.type === "file" ? entry.size : 0;
  const mtime = Math.floor(entry.mtime);
  const records = new Map<string, string>();
  for (const [key, value] of Object.entries(entry.pax ?? {})) {
    if (!ownKeys.has(key) && !key.startsWith("GNU.sparse.")) records.set(key, value);
  }

  const split = splitName(name);
  if (split === undefined) records.set("path", name);
  if (!isAscii(linkName) || linkName.length > 100) records.set("linkpath", linkName);
  if (size > maxOctal11) records.set("size", String(size));
  if (entry.uid > maxOctal7) records.set("uid", String(entry.uid));
  if (entry.gid > maxOctal7) records.set("gid", String(entry.gid));
  const timeFits = mtime === entry.mtime && mtime >= 0 && mtime <= maxOctal11;
  if (!timeFits) records.set("mtime", decimal(entry.mtime));
  const uname = entry.uname ?? "";
  const gname = entry.gname ?? "";
  if (!isAscii(uname) || uname.length > 31) records.set("uname", uname);
  if (!isAscii(gname) || gname.length > 31) records.set("gname", gname);

  const fields: HeaderFields = {
    prefix: split?.prefix ?? "",
    name: split?.name ?? asciiPart(name, 100),
    mode: entry.mode,
    uid: records.has("uid") ? 0 : entry.uid,
    gid: records.has("gid") ? 0 : entry.gid,
    size: size > maxOctal11 ? 0 : size,
    mtime: Math.min(Math.max(mtime, 0), maxOctal11),
    flag: flags[entry.type],
    linkName: asciiPart(linkName, 100),
    uname: asciiPart(uname, 31),
    gname: asciiPart(gname, 31),
    device: { major: entry.devMajor ?? 0, minor: entry.devMinor ?? 0 },
  };
  if (records.size === 0) return headerBlock(fields);
  const body = encodePax([...records].sort(([a], [b]) => (a < b ? -1 : 1)));
  return Buffer.concat([
    headerBlock({
      ...fields,
      prefix: "",
      name: asciiPart(`PaxHeaders.0/${name.replace(/\/+$/, "").replace(/^.*\//, "")}`, 100),
      mode: 0o644,
      uid: 0,
      gid: 0,
      size: body.length,
      mtime: 0,
      flag: "x",
      linkName: "",
      uname: "",
      gname: "",
      device: { major: 0, minor: 0 },
    }),
    body,
    padding(body.length),
    headerBlock(fields),
  ]);
}

function check(entry: TarEntry): void {
  const { name, linkName, uname, gname } = entry;
  const wrong =
    name === ""
      ? "a name"
      : [name, linkName, uname, gname].some((text) => text?.includes("\0"))
        ? "names without NUL"
        : !natural(entry.mode, 0o7777)
          ? "a mode up to 0o7777"
          : !natural(entry.uid) || !natural(entry.gid)
            ? "whole numbers for its owner"
            : !natural(entry.size)
              ? "a size"
              : !Number.isFinite(entry.mtime)
                ? "a time"
                : !natural(entry.devMajor ?? 0, maxOctal7) || !natural(entry.devMinor ?? 0, maxOctal7)
                  ? "device numbers up to 2097151"
                  : undefined;
  if (wrong !== undefined) {
    throw new LadingError("ERR_LADING_USAGE", `a tar entry needs ${wrong}: ${JSON.stringify(name)}`);
  }
}

function natural(value: number, most = Number.MAX_SAFE_INTEGER): boolean {
  return Number.isSafeInteger(value) && value >= 0 && value <= most;
}

export function isAscii(text: string): boolean {
  for (let i = 0; i < text.length; i++) if (text.charCodeAt(i) > 0x7f) return false;
  return true;
}

/** What old programs that do not know PAX see. */
function asciiPart(text: string, length: number): string {
  return isAscii(text) ? text.slice(0, length) : text.replace(/[^ -~]/gu, "_").slice(0, length);
}

/** The name in ustar's two fields, cut at the last `/` that makes both fit; undefined where they cannot hold it. */
export function splitName(name: string): { readonly prefix: string; readonly name: string } | undefined {
  if (!isAscii(name)) return undefined;
  if (name.length <= 100) return { prefix: "", name };
  if (name.length > 256) return undefined;
  // The `/` of a directory's end does not separate anything.
  const at = name.lastIndexOf("/", Math.min(155, name.length - 2));
  if (at <= 0 || name.length - at - 1 > 100) return undefined;
  return { prefix: name.slice(0, at), name: name.slice(at + 1) };
}

/** Shortest decimal text that reads back as the same number, without exponent. */
function decimal(value: number): string {
  const text = String(value);
  return text.includes("e") ? value.toFixed(9) : text;
}
