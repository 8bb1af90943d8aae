import { type At, fieldAt, invalidAt, textOf } from "./yaml-fields.ts";
import type { YamlObject } from "./yaml-reader.ts";

/** The one version in which all documents of imgpkg are. */
export const apiVersion = "imgpkg.carvel.dev/v1alpha1";

/**
 * Checks what kind of document it is.
 * @param validating what messages begin with, such as `Validating images lock`
 * @throws LadingError ERR_LADING_DOCUMENT
 */
export function checkHeader(
  fields: YamlObject["fields"],
  at: At,
  validating: string,
  kinds: readonly string[],
): void {
  const versionAt = fieldAt(at, "apiVersion");
  const kindAt = fieldAt(at, "kind");
  const version = textOf(fields.get("apiVersion"), versionAt);
  const kind = textOf(fields.get("kind"), kindAt);
  if (version !== apiVersion) {
    throw invalidAt(
      versionAt,
      `${validating}: Validating apiVersion: Unknown version (known: ${apiVersion})`,
    );
  }
  if (!kinds.includes(kind)) {
    throw invalidAt(kindAt, `${validating}: Validating kind: Unknown kind (known: ${kinds.join(", ")})`);
  }
}
