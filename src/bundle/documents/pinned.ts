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

/**
 * What is no reference may be very long, or have a password in it: what stands before an `@` that begins no digest is
 * taken away when there is a colon in it.
 */
function shown(text: string): string {
  const last = text.lastIndexOf("@");
  const end = isDigestLike(text.slice(last + 1)) ? text.lastIndexOf("@", last - 1) : last;
  const colon = text.indexOf(":");
  const scheme = /^[a-z]+:\/\//i.exec(text)?.[0] ?? "";
  const bare = last > 0 && end > 0 && colon >= 0 && colon < end ? `${scheme}…${text.slice(end)}` : text;
  return bare.length > 300 ? `${bare.slice(0, 300)}…` : bare;
}

function isDigestLike(text: string): boolean {
  return /^(?:sha|md|blake)[a-z0-9+._-]*:[^/@]*$/i.test(text);
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
