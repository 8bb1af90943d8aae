import { LadingError } from "../../errors.ts";

/** @returns what imgpkg says of a plain image that was taken for a bundle */
export function notABundle(place: string): LadingError {
  return new LadingError("ERR_LADING_USAGE", "Expected bundle image but found plain image", {
    place,
    hint: "Did you use -i instead of -b?",
  });
}

/** @returns what imgpkg says of a bundle that was taken for a plain image */
export function isABundle(place: string): LadingError {
  return new LadingError("ERR_LADING_USAGE", "Expected bundle flag when pulling a bundle", {
    place,
    hint: "Use -b instead of -i for bundles",
  });
}
