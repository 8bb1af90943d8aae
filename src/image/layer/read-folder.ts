import { type Dirent, readdirSync } from "node:fs";
import { LadingError } from "../../errors.ts";
import { quote } from "../../spec/digest.ts";
import { cannotRead } from "./disk-error.ts";

/**
 * What is in a folder, in no particular order.
 * @throws LadingError ERR_LADING_UNSUPPORTED for names that are not UTF-8, ERR_LADING_STORE, ERR_LADING_CONFLICT
 */
export function readFolder(path: string): Dirent[] {
  try {
    const found = readdirSync(path, { withFileTypes: true });
    // Bytes that are not UTF-8 come as U+FFFD, which may also be in a name on its own right.
    if (found.some((entry) => entry.name.includes("\ufffd"))) checkEncoding(path);
    return found;
  } catch (error) {
    throw cannotRead(error, path);
  }
}

function checkEncoding(folder: string): void {
  for (const bytes of readdirSync(folder, { encoding: "buffer" })) {
    if (Buffer.compare(Buffer.from(bytes.toString("utf8")), bytes) === 0) continue;
    throw new LadingError(
      "ERR_LADING_UNSUPPORTED",
      `a name in ${folder} is not UTF-8: ${quote(bytes.toString("latin1"))}`,
      { place: folder, hint: "rename it, or exclude its folder" },
    );
  }
}

/**
 * A file with such a name would take another file away wherever the layer is unpacked (image-spec, "Whiteouts").
 * @throws LadingError ERR_LADING_UNSUPPORTED
 */
export function checkName(name: string, path: string): void {
  if (!name.slice(name.lastIndexOf("/") + 1).startsWith(".wh.")) return;
  throw new LadingError("ERR_LADING_UNSUPPORTED", `${path} would be a whiteout in a layer, not a file`, {
    place: path,
    hint: "rename it, or exclude it",
  });
}

/** What is neither a file nor a folder nor a link. */
export function kindOf(found: Dirent): string {
  if (found.isSocket()) return "a socket";
  if (found.isFIFO()) return "a named pipe";
  return "a device";
}
