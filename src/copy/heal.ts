import { isLadingError, LadingError, type RegistryError } from "../errors.ts";
import type { PlannedNode } from "./copy-plan.ts";

/** Codes with which registries say that a manifest lists what is not there (distribution-spec, "Error Codes"). */
const missingChildren: ReadonlySet<string> = new Set([
  "MANIFEST_BLOB_UNKNOWN",
  "BLOB_UNKNOWN",
  "MANIFEST_UNKNOWN",
]);

/** Whether a sink refused a manifest since something it lists is not there. */
export function refusesForMissingChildren(error: unknown): error is LadingError {
  if (!isLadingError(error)) return false;
  if (error.code === "ERR_LADING_MISSING_CONTENT") return true;
  return (
    error.name === "RegistryError" &&
    (error as RegistryError).errors.some(({ code }) => missingChildren.has(code))
  );
}

export function sparseIndexRefused(node: PlannedNode, cause: LadingError): LadingError {
  return new LadingError(
    "ERR_LADING_UNSUPPORTED",
    `the registry refuses the index ${node.descriptor.digest} without all of its images`,
    {
      ...(cause.place === undefined ? {} : { place: cause.place }),
      hint:
        "copy the whole index; where its digest may change, choose one platform at a time; layouts and archives do take " +
        "a part of an index",
      cause,
    },
  );
}
