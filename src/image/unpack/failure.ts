import { isLadingError, LadingError, messageOf, systemCode } from "../../errors.ts";

const hints: Readonly<Record<string, string>> = {
  ENOSPC: "the disk is full: make room, or choose another folder",
  EDQUOT: "the quota of this user is used up: make room, or choose another folder",
  EACCES: "choose a folder that this user may write to",
  EPERM: "choose a folder that this user may write to",
  EROFS: "the file system is read-only: choose another folder",
  ENAMETOOLONG: "the file system does not take names this long",
  EMFILE: "too many files are open: raise the limit (ulimit -n)",
};

/**
 * What a failed system call is for the caller. Paths in system errors are of this process alone (`/proc/self/fd/…`), so
 * the message names the entry.
 */
export function unpackFailure(error: unknown, entry: string, target: string): unknown {
  if (isLadingError(error)) return error;
  const code = systemCode(error);
  if (code === undefined || !/^E[A-Z0-9]+$/.test(code)) return error;
  const hint = hints[code];
  // "ENOSPC: no space left on device, write": the words between are for people.
  const words = /^E[A-Z0-9]+: ([^,]+)/.exec(messageOf(error))?.[1] ?? code;
  return new LadingError("ERR_LADING_STORE", `cannot unpack ${JSON.stringify(entry)}: ${words} (${code})`, {
    place: target,
    ...(hint === undefined ? {} : { hint }),
    cause: error,
  });
}
