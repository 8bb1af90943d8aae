import {
  closeSync,
  constants,
  fchmodSync,
  fstatSync,
  openSync,
  readFileSync,
  unlinkSync,
  writeFileSync,
} from "node:fs";
import { LadingError } from "../../errors.ts";
import { entryPath } from "./entry-path.ts";
import { unpackFailure } from "./failure.ts";
import { statOf, type Tree } from "./tree.ts";

/** New content for one file of an image, made from what the image has. */
export interface FileChange {
  /** Below the image's root, with `/`. */
  readonly path: string;
  /** Bytes that the file may have. */
  readonly maxBytes: number;
  /** Gets bytes that were checked against the image's digests. Undefined leaves the file as it is. */
  readonly content: (bytes: Uint8Array) => Uint8Array | undefined;
}

/**
 * Changes a file of a tree. It becomes a new file with the mode of the old one: another name of the old one (a hard link)
 * keeps the old content.
 * @param target how messages call the place
 * @throws LadingError ERR_LADING_DOCUMENT when there is no such file, ERR_LADING_LIMIT, ERR_LADING_STORE; what `content`
 * throws
 */
export async function changeFile(tree: Tree, change: FileChange, target: string): Promise<void> {
  const parts = entryPath(change.path, Number.POSITIVE_INFINITY);
  const name = parts.pop() ?? "";
  const folder = tree.folder(parts, false, change.path);
  const at = folder === undefined ? undefined : `${folder.base}/${name}`;
  if (at === undefined || statOf(at)?.isFile() !== true) {
    throw new LadingError("ERR_LADING_DOCUMENT", `the image has no file ${change.path}`, { place: target });
  }
  try {
    const { bytes, mode } = readWhole(at, change, target);
    const content = change.content(bytes);
    if (content === undefined) return;
    unlinkSync(at);
    const fd = openSync(at, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL, 0o600);
    try {
      writeFileSync(fd, content);
      fchmodSync(fd, mode);
    } finally {
      closeSync(fd);
    }
  } catch (error) {
    throw unpackFailure(error, change.path, target);
  }
}

function readWhole(
  at: string,
  { path, maxBytes }: FileChange,
  target: string,
): { readonly bytes: Uint8Array; readonly mode: number } {
  const fd = openSync(at, constants.O_RDONLY | constants.O_NOFOLLOW);
  try {
    const { size, mode } = fstatSync(fd);
    if (size > maxBytes) {
      throw new LadingError(
        "ERR_LADING_LIMIT",
        `${path} has ${size} bytes; at most ${maxBytes} are read of it`,
        { place: target },
      );
    }
    return { bytes: readFileSync(fd), mode: mode & 0o7777 };
  } finally {
    closeSync(fd);
  }
}
