import { isLadingError, LadingError, messageOf } from "../../errors.ts";
import type { Descriptor } from "../../spec/descriptor.ts";
import type { CallOptions, Source } from "../../stores/store.ts";
import { during } from "../steps.ts";
import type { FoundBy } from "./model.ts";

/**
 * The descriptor of an image that has to be where it was said to be.
 * @param name as imgpkg writes it, for messages
 * @throws LadingError ERR_LADING_NOT_FOUND in imgpkg's words for an image that it cannot read; what the source throws
 */
export async function resolveImage(
  source: Source,
  reference: string,
  { name, foundBy }: { readonly name: string; readonly foundBy: FoundBy },
  options: CallOptions,
): Promise<Descriptor> {
  return during("Collecting packaging metadata", () =>
    during(`Working with ${name}`, async () => {
      try {
        return await source.resolve(reference, options);
      } catch (error) {
        if (!isLadingError(error) || error.code !== "ERR_LADING_NOT_FOUND") throw error;
        throw new LadingError(
          "ERR_LADING_NOT_FOUND",
          "Encountered an error most likely because this image is in Docker Registry v1 format; only v2 or OCI image " +
            `format is supported (underlying error: ${messageOf(error)})`,
          {
            place: error.place ?? source.label,
            ...(foundBy === "locations"
              ? {
                  hint: "the bundle's locations image says that this is here, and it is not: copy the bundle here again",
                }
              : {}),
            cause: error,
          },
        );
      }
    }),
  );
}
