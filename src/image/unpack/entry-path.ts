import { LadingError } from "../../errors.ts";

/** The longest name that the file systems in use take, in bytes. */
const maxPartBytes = 255;

const windowsReserved = /^(?:con|prn|aux|nul|com\d|lpt\d)(?:\.|$)/i;

export function unsafePath(name: string, why: string, hint?: string): LadingError {
  return new LadingError("ERR_LADING_UNSAFE_PATH", `refused the entry ${JSON.stringify(name)}: ${why}`, {
    hint: hint ?? "the archive is wrong, or made to do harm; do not use it",
  });
}

/**
 * An entry's name as the parts of a path below the target; none for the target itself. A `/` at the start is the
 * target, as it is the root for whoever runs the image.
 * @throws LadingError ERR_LADING_UNSAFE_PATH, ERR_LADING_LIMIT
 */
export function entryPath(
  name: string,
  maxDepth: number,
  platform: NodeJS.Platform = process.platform,
): string[] {
  const parts: string[] = [];
  for (const part of name.split("/")) {
    if (part === "" || part === ".") continue;
    if (part === "..") throw unsafePath(name, "it leads out of the target by '..'");
    // Only a name that long can be too long in bytes.
    if (part.length * 3 > maxPartBytes && Buffer.byteLength(part) > maxPartBytes) {
      throw unsafePath(name, `a part of it is longer than ${maxPartBytes} bytes`);
    }
    if (part.includes("\0")) throw unsafePath(name, "it has a NUL");
    if (platform === "win32") checkForWindows(name, part);
    parts.push(part);
  }
  if (parts.length > maxDepth) {
    throw new LadingError(
      "ERR_LADING_LIMIT",
      `${JSON.stringify(name)} is more than ${maxDepth} folders deep`,
    );
  }
  return parts;
}

/** What Windows reads in another way than it is written. On other systems all of it is a plain name. */
function checkForWindows(name: string, part: string): void {
  if (/[\\:*?"<>|]/.test(part) || [...part].some((character) => character < " "))
    throw unsafePath(name, "it has characters that Windows does not allow");
  if (/[. ]$/.test(part)) throw unsafePath(name, "Windows would drop the dot or space at its end");
  if (windowsReserved.test(part)) throw unsafePath(name, "it is the name of a device");
}
