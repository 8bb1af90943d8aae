import { isLadingError } from "../../errors.ts";
import type { Descriptor } from "../../spec/descriptor.ts";
import type { Digest } from "../../spec/digest.ts";
import type { CallOptions, Source } from "../../stores/store.ts";
import { unreadableImage } from "../read/unreadable.ts";
import { during } from "../steps.ts";

/**
 * The descriptor of an image of which only the bundle's locations image says that it is there.
 * @param name as imgpkg writes it, for messages
 * @throws LadingError ERR_LADING_NOT_FOUND in imgpkg's words for an image that it cannot read; what the source throws
 */
export async function resolveLocated(
  source: Source,
  digest: Digest,
  name: string,
  options: CallOptions,
): Promise<Descriptor> {
  return during("Collecting packaging metadata", () =>
    during(`Working with ${name}`, async () => {
      try {
        return await source.resolve(digest, options);
      } catch (error) {
        if (!isLadingError(error) || error.code !== "ERR_LADING_NOT_FOUND") throw error;
        throw unreadableImage(error, {
          place: name,
          hint: "the bundle's locations image says that this is here, and it is not: copy the bundle here again",
        });
      }
    }),
  );
}
