import { LadingError } from "../../errors.ts";
import { malformed, strictText } from "./fields.ts";

/** Records of an extended header, in order; keys may repeat (GNU sparse 0.0 does that). */
export type PaxRecords = readonly (readonly [key: string, value: string])[];

/** Values that are bytes and not text. */
function isBinary(key: string): boolean {
  return key.startsWith("SCHILY.xattr.") || key.startsWith("LIBARCHIVE.xattr.");
}

/** Values that become paths or names: a NUL would cut them short in every other program. */
const names: ReadonlySet<string> = new Set(["path", "linkpath", "uname", "gname", "GNU.sparse.name"]);

/** Parses `"%d %s=%s\n"` records (POSIX pax, "pax Extended Header"). @throws LadingError ERR_LADING_ARCHIVE */
export function parsePax(bytes: Buffer): PaxRecords {
  const records: [string, string][] = [];
  let at = 0;
  while (at < bytes.length) {
    // Some writers pad with NULs.
    if (bytes[at] === 0) break;
    let length = 0;
    let digits = at;
    for (; digits < bytes.length && digits - at < 8; digits++) {
      const digit = (bytes[digits] as number) - 0x30;
      if (digit < 0 || digit > 9) break;
      length = length * 10 + digit;
    }
    const end = at + length;
    const equals = bytes.indexOf(0x3d, digits);
    if (
      digits === at ||
      bytes[digits] !== 0x20 ||
      end > bytes.length ||
      bytes[end - 1] !== 0x0a ||
      equals <= digits + 1 ||
      equals >= end
    ) {
      throw malformed("an extended header (PAX) of the archive has a record that cannot be read");
    }
    const key = strictText(bytes.subarray(digits + 1, equals));
    const raw = bytes.subarray(equals + 1, end - 1);
    const value = isBinary(key) ? raw.toString("latin1") : strictText(raw);
    if (names.has(key) && value.includes("\0")) throw malformed(`an extended header has a NUL in ${key}`);
    records.push([key, value]);
    at = end;
  }
  return records;
}

/** The records as bytes, in the order given. @throws LadingError ERR_LADING_USAGE for keys that cannot be written */
export function encodePax(records: PaxRecords): Buffer {
  return Buffer.concat(records.map(([key, value]) => encodeRecord(key, value)));
}

function encodeRecord(key: string, value: string): Buffer {
  if (key === "" || /[=\n\0]/.test(key)) {
    throw new LadingError("ERR_LADING_USAGE", `not a key of an extended header: ${JSON.stringify(key)}`);
  }
  const body = Buffer.concat([
    Buffer.from(` ${key}=`),
    Buffer.from(value, isBinary(key) ? "latin1" : "utf8"),
    Buffer.from("\n"),
  ]);
  // The length counts its own digits.
  let length = body.length + 1;
  while (String(length).length + body.length > length) length++;
  return Buffer.concat([Buffer.from(String(length)), body]);
}
