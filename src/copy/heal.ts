import { isLadingError, LadingError, type RegistryError } from "../errors.ts";
import type { PlannedNode } from "./copy-plan.ts";

/** Codes with which registries say that a manifest lists what is not there (distribution-spec, "Error Codes"). */
const missingChildren: ReadonlySet<string> = new Set([
  "MANIFEST_BLOB_UNKNOWN",
  "BLOB_UNKNOWN",
  "MANIFEST_UNKNOWN",
]);

export function refusesForMissingChildren(error: unknown): error is RegistryError {
  if (!isLadingError(error) || error.name !== "RegistryError") return false;
  return (error as RegistryError).errors.some(({ code }) => missingChildren.has(code));
}

export function sparseIndexRefused(node: PlannedNode, cause: LadingError): LadingError {
  return new LadingError(
    "ERR_LADING_UNSUPPORTED",
    `the registry refuses the index ${node.descriptor.digest} without all of its images`,
    {
      ...(cause.place === undefined ? {} : { place: cause.place }),
      hint: "copy the whole index, or one platform at a time; layouts and archives do take a part of an index",
      cause,
    },
  );
}
