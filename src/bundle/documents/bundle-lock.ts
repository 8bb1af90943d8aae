import { inPlace } from "../../errors.ts";
import { apiVersion, checkHeader } from "./header.ts";
import { documentLimits } from "./limits.ts";
import type { BundleLock } from "./model.ts";
import { pinnedAt } from "./pinned.ts";
import { type At, fieldAt, structureOf, textOf } from "./yaml-fields.ts";
import { parseYaml } from "./yaml-reader.ts";
import { writeYaml } from "./yaml-writer.ts";

const what = "Unmarshaling bundle lock";
const validating = "Validating bundle lock";

/**
 * Reads what `--lock-output` wrote for a bundle, as strictly as an ImagesLock.
 * @param place the file that it comes from, for messages
 * @throws LadingError ERR_LADING_DOCUMENT with imgpkg's sentences and the path within the file, ERR_LADING_LIMIT
 */
export function parseBundleLock(bytes: Uint8Array, place: string): BundleLock {
  return inPlace(place, () => {
    const yaml = parseYaml(bytes, { maxBytes: documentLimits.lockBytes, what, duplicates: "refused" });
    const at: At = { what, place, structure: "BundleLock", field: "", path: "" };
    const fields = structureOf(yaml, at, "lockconfig.BundleLock", ["apiVersion", "kind", "bundle"]);
    const bundleAt = fieldAt(at, "bundle");
    const bundle = structureOf(fields.get("bundle"), bundleAt, "lockconfig.BundleRef", ["image", "tag"]);
    const imageAt = fieldAt(bundleAt, "image", "BundleRef");
    const image = textOf(bundle.get("image"), imageAt);
    const tag = textOf(bundle.get("tag"), fieldAt(bundleAt, "tag", "BundleRef"));
    checkHeader(fields, at, validating, ["BundleLock"]);
    return { ...pinnedAt(image, imageAt, validating), ...(tag === "" ? {} : { tag }) };
  });
}

/** The lock as imgpkg writes it, byte for byte. */
export function formatBundleLock(lock: BundleLock): string {
  const { image, tag } = lock;
  const named = tag === undefined || tag === "" ? {} : { tag };
  return writeYaml({ apiVersion, kind: "BundleLock", bundle: { image, ...named } });
}
