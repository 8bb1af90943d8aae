import { isLadingError, LadingError } from "../../errors.ts";
import { documentLimits } from "./limits.ts";
import { lockName, type PinnedReference, parsePinned } from "./names.ts";
import { type At, invalidAt } from "./yaml-fields.ts";

/**
 * Reads the reference of an image in a document.
 * @throws LadingError ERR_LADING_DOCUMENT with imgpkg's sentence, for what is no reference too
 */
export function pinnedAt(
  text: string,
  at: At,
  validating: string,
): { readonly image: string; readonly reference: PinnedReference } {
  try {
    const reference = parsePinned(text);
    return { image: lockName(reference), reference };
  } catch (error) {
    if (!isLadingError(error)) throw error;
    const message =
      error.code === "ERR_LADING_DOCUMENT"
        ? error.message
        : `Expected ref to be in digest form, got '${shown(text)}'`;
    throw invalidAt(at, `${validating}: ${message}`, error);
  }
}

/** What is no reference may be very long, or have a password in it. */
function shown(text: string): string {
  const bare = text.replace(/^([a-z]+:\/\/)?[^/@]*:[^/@]*@/i, "$1…@");
  return bare.length > 300 ? `${bare.slice(0, 300)}…` : bare;
}

/** @throws LadingError ERR_LADING_LIMIT */
export function checkImageCount(count: number, at: At): void {
  if (count <= documentLimits.images) return;
  throw new LadingError(
    "ERR_LADING_LIMIT",
    `${at.what}: it lists ${count} images; at most ${documentLimits.images} are read`,
    { place: at.place },
  );
}
