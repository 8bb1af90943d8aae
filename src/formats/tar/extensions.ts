import { malformed } from "./fields.ts";
import type { Header } from "./header.ts";
import type { PaxRecords } from "./pax.ts";
import { decimalNumber } from "./sparse.ts";

/** What headers before an entry say about it. */
export interface Extensions {
  pax: PaxRecords;
  /** GNU's, before PAX. */
  longName: string | undefined;
  longLink: string | undefined;
}

/**
 * Puts what the extensions say into the header, and gives back the records that are left.
 * @param global records that hold for all entries; an entry's own go before them
 * @throws LadingError ERR_LADING_ARCHIVE for a value that is none
 */
export function applyExtensions(
  header: Header,
  extensions: Extensions,
  global: ReadonlyMap<string, string>,
): Record<string, string> | undefined {
  if (extensions.longName !== undefined) header.name = extensions.longName;
  if (extensions.longLink !== undefined) header.linkName = extensions.longLink;
  if (extensions.pax.length === 0 && global.size === 0) {
    header.name = withoutSlash(header);
    return undefined;
  }
  let rest: Record<string, string> | undefined;
  let sparseName: string | undefined;
  const records = global.size === 0 ? extensions.pax : [...global, ...extensions.pax];
  for (const [key, value] of records) {
    // An empty value takes the record back.
    if (value === "") {
      if (rest !== undefined) delete rest[key];
      continue;
    }
    switch (key) {
      case "path":
        header.name = value;
        break;
      case "linkpath":
        header.linkName = value;
        break;
      case "uname":
        header.uname = value;
        break;
      case "gname":
        header.gname = value;
        break;
      case "size":
        header.size = decimalNumber(value, "a file's size");
        break;
      case "uid":
        header.uid = decimalNumber(value, "an owner");
        break;
      case "gid":
        header.gid = decimalNumber(value, "a group");
        break;
      case "mtime":
        if (!/^-?\d+(\.\d*)?$/.test(value)) throw malformed(`a file's time is not a number: ${value}`);
        header.mtime = Number(value);
        break;
      case "GNU.sparse.name":
        sparseName = value;
        break;
      case "hdrcharset":
        break;
      default:
        if (key.startsWith("GNU.sparse.")) break;
        rest ??= Object.create(null) as Record<string, string>;
        rest[key] = value;
    }
  }
  if (sparseName !== undefined) header.name = sparseName;
  header.name = withoutSlash(header);
  return rest;
}

function withoutSlash(header: Header): string {
  const { name, flag } = header;
  if (name.length < 2 || !name.endsWith("/")) return name;
  if (flag === "0") {
    // How V7 marks a directory, and what every reader takes for one in later forms as well.
    if (header.size > 0) throw malformed(`the folder ${JSON.stringify(name)} has content`);
    header.flag = "5";
  } else if (flag !== "5" && flag !== "D") return name;
  return name.replace(/\/+$/, "") || "/";
}
