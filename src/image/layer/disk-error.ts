import { LadingError, systemCode } from "../../errors.ts";
import { storeError } from "../../stores/store-error.ts";

/** What to throw when a file that goes into a layer cannot be read. */
export function cannotRead(error: unknown, path: string): unknown {
  switch (systemCode(error)) {
    case "EACCES":
    case "EPERM":
      return new LadingError("ERR_LADING_STORE", `${path} may not be read`, {
        place: path,
        hint: "change its permissions, or exclude it",
        cause: error,
      });
    case "ENOENT":
    case "ENOTDIR":
    case "ELOOP":
    case "ENXIO":
      return changed(path, "it is gone, or something else than before", error);
    default:
      return storeError(error, path, `cannot read ${path}`);
  }
}

/** A file that is not the same any more while it is read: no digest would stand for what anybody has seen. */
export function changed(path: string, how: string, cause?: unknown): LadingError {
  return new LadingError("ERR_LADING_CONFLICT", `${path} changed while it was read: ${how}`, {
    place: path,
    hint: "try again when nothing writes to it",
    ...(cause === undefined ? {} : { cause }),
  });
}
