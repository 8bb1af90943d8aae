import { inPlace } from "../../errors.ts";
import { apiVersion, checkHeader } from "./header.ts";
import { documentLimits } from "./limits.ts";
import type { ImagesLock, LockedImage } from "./model.ts";
import { lockName, type PinnedReference, parsePinned } from "./names.ts";
import { checkImageCount, pinnedAt } from "./pinned.ts";
import { type At, fieldAt, itemAt, itemsOf, structureOf, textOf, textsOf } from "./yaml-fields.ts";
import { parseYaml, type YamlValue } from "./yaml-reader.ts";
import { writeYaml } from "./yaml-writer.ts";

const what = "Unmarshaling images lock";
const validating = "Validating images lock";

/**
 * Reads `.imgpkg/images.yml` or what `--lock-output` wrote for images. Fields that are not known, the same key twice and
 * images without digest are errors. References are normalised; a tag beside a digest is dropped.
 * @param place the file or image that it comes from, for messages
 * @throws LadingError ERR_LADING_DOCUMENT with imgpkg's sentences and the path within the file, ERR_LADING_LIMIT
 */
export function parseImagesLock(bytes: Uint8Array, place: string): ImagesLock {
  return inPlace(place, () => {
    const yaml = parseYaml(bytes, { maxBytes: documentLimits.lockBytes, what, duplicates: "refused" });
    const at: At = { what, place, structure: "ImagesLock", field: "", path: "" };
    const fields = structureOf(yaml, at, "lockconfig.ImagesLock", ["apiVersion", "kind", "images"]);
    const imagesAt = fieldAt(at, "images");
    const items = itemsOf(fields.get("images"), imagesAt, "[]lockconfig.ImageRef");
    checkImageCount(items.length, imagesAt);
    const entries = items.map((item, i) => readEntry(item, itemAt(imagesAt, i, "ImageRef")));
    checkHeader(fields, at, validating, ["ImagesLock"]);
    return {
      images: entries.map(({ image, annotations }, i) => ({
        ...pinnedAt(image, fieldAt(itemAt(imagesAt, i), "image"), validating),
        annotations,
      })),
    };
  });
}

function readEntry(item: YamlValue, at: At): Pick<LockedImage, "image" | "annotations"> {
  const fields = structureOf(item, at, "lockconfig.ImageRef", ["image", "annotations"]);
  return {
    image: textOf(fields.get("image"), fieldAt(at, "image")),
    annotations: textsOf(fields.get("annotations"), fieldAt(at, "annotations")),
  };
}

/** The lock as imgpkg writes it, byte for byte. */
export function formatImagesLock(lock: ImagesLock): string {
  return writeYaml({
    apiVersion,
    kind: "ImagesLock",
    ...(lock.images.length === 0
      ? {}
      : {
          images: lock.images.map(({ image, annotations }) => ({
            image,
            ...(Object.keys(annotations).length === 0 ? {} : { annotations }),
          })),
        }),
  });
}

/**
 * A lock of these images, in this order.
 * @throws LadingError ERR_LADING_REFERENCE, ERR_LADING_DOCUMENT for a reference without digest
 */
export function lockOf(
  images: readonly (
    | { readonly image: string; readonly annotations?: Readonly<Record<string, string>> }
    | { readonly reference: PinnedReference; readonly annotations?: Readonly<Record<string, string>> }
  )[],
): ImagesLock {
  return {
    images: images.map((each) => {
      const reference = "reference" in each ? each.reference : parsePinned(each.image);
      return { image: lockName(reference), reference, annotations: each.annotations ?? {} };
    }),
  };
}
