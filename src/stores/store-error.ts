import { isLadingError, LadingError, messageOf, systemCode } from "../errors.ts";

const hints: Readonly<Record<string, string>> = {
  ENOSPC: "the disk is full: free some space, then run the same again",
  EDQUOT: "the disk quota is used up: free some space, then run the same again",
  EROFS: "the file system is read-only",
  EACCES: "check the owner and the permissions",
  EPERM: "check the owner and the permissions",
  ELOOP: "a symbolic link stands where a file should be; it is not followed",
  EMFILE: "too many files are open: raise the limit (ulimit -n) or lower the concurrency",
  ENFILE: "too many files are open on this machine",
  EFBIG: "the file system or a limit does not allow a file of this size",
};

/**
 * A failure of the file system as a LadingError: ERR_LADING_NOT_FOUND for what is not there, else ERR_LADING_STORE with
 * a hint. Lading's own errors and aborts pass as they are.
 */
export function storeError(error: unknown, place: string, what: string): unknown {
  const code = systemCode(error);
  if (isLadingError(error) || code === undefined || !/^E[A-Z0-9]+$/.test(code)) return error;
  if (code === "ENOENT" || code === "ENOTDIR") {
    return new LadingError("ERR_LADING_NOT_FOUND", `${what}: it is not there`, { place, cause: error });
  }
  const hint = Object.hasOwn(hints, code) ? hints[code] : undefined;
  return new LadingError("ERR_LADING_STORE", `${what}: ${messageOf(error)}`, {
    place,
    cause: error,
    ...(hint === undefined ? {} : { hint }),
  });
}
