import { LadingError, messageOf } from "../../errors.ts";

/** imgpkg cannot tell a manifest that is not there from one of the old schema, and says so: this is what it says. */
export function unreadableImage(
  error: LadingError,
  { place = error.place, hint }: { readonly place?: string | undefined; readonly hint?: string } = {},
): LadingError {
  return new LadingError(
    error.code,
    `Encountered an error most likely because this image is in Docker Registry v1 format; only v2 or OCI image format is supported (underlying error: ${messageOf(error)})`,
    {
      ...(place === undefined ? {} : { place }),
      ...(hint === undefined ? {} : { hint }),
      cause: error,
    },
  );
}
