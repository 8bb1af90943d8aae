import { inPlace } from "../../errors.ts";
import { quote } from "../../spec/digest.ts";
import { isRepositoryPath } from "../../spec/reference.ts";
import { apiVersion, checkHeader } from "./header.ts";
import { documentLimits } from "./limits.ts";
import type { ImageLocations, LocatedImage } from "./model.ts";
import { checkImageCount, pinnedAt } from "./pinned.ts";
import { type At, fieldAt, flagOf, invalidAt, itemAt, itemsOf, structureOf, textOf } from "./yaml-fields.ts";
import { parseYaml, type YamlValue } from "./yaml-reader.ts";
import { scalarText, writeYaml } from "./yaml-writer.ts";

/** What imgpkg writes and reads. */
export const shippedLocationsFile = "image-locations.yml";
/** What the proposal of locations images calls it (imgpkg's issue 136). */
export const seedLocationsFile = "images-locations.yml";

/** What a locations image may hold: either file, or both. */
export interface LocationsFiles {
  readonly shipped?: Uint8Array;
  readonly seed?: Uint8Array;
}

const what = "Unmarshaling image locations";
const validating = "Validating image locations";

/**
 * Reads a locations file of either kind, or the one that imgpkg ships when there are both. Fields that are not known are
 * passed over, as imgpkg does. A `repository` is a path in the bundle's own registry and nothing else.
 * @param place the image that it comes from, for messages
 * @throws LadingError ERR_LADING_DOCUMENT with the path within the file, ERR_LADING_LIMIT
 */
export function parseLocations(files: LocationsFiles | Uint8Array, place: string): ImageLocations {
  const bytes = files instanceof Uint8Array ? files : (files.shipped ?? files.seed);
  if (bytes === undefined) {
    throw invalidAt(
      { what, place, structure: "", field: "", path: "" },
      `${what}: there is no ${shippedLocationsFile}`,
    );
  }
  return inPlace(place, () => {
    const yaml = parseYaml(bytes, { maxBytes: documentLimits.lockBytes, what, duplicates: "last" });
    const at: At = { what, place, structure: "ImageLocationsConfig", field: "", path: "" };
    const fields = structureOf(yaml, at, "bundle.ImageLocationsConfig", "any");
    checkHeader(fields, at, validating, ["ImageLocations", "ImagesLocation"]);
    const imagesAt = fieldAt(at, "images");
    const items = itemsOf(fields.get("images"), imagesAt, "[]bundle.ImageLocation");
    checkImageCount(items.length, imagesAt);
    return { images: items.map((item, i) => readEntry(item, itemAt(imagesAt, i, "ImageLocation"))) };
  });
}

function readEntry(item: YamlValue, at: At): LocatedImage {
  const fields = structureOf(item, at, "bundle.ImageLocation", "any");
  const imageAt = fieldAt(at, "image");
  const flag = fields.has("isBundle") ? "isBundle" : "bundle";
  const repositoryAt = fieldAt(at, "repository");
  const repository = textOf(fields.get("repository"), repositoryAt);
  if (repository !== "" && !isRepositoryPath(repository)) {
    throw invalidAt(
      repositoryAt,
      `${validating}: Expected repository to be a path in the bundle's registry, got ${quote(repository)}`,
    );
  }
  return {
    ...pinnedAt(textOf(fields.get("image"), imageAt), imageAt, validating),
    isBundle: flagOf(fields.get(flag), fieldAt(at, flag)),
    ...(repository === "" ? {} : { repository }),
  };
}

/**
 * Both files, from one model: sorted bytewise by image, one entry for each digest. What imgpkg ships cannot say
 * `repository`: it has its images in the bundle's own.
 */
export function formatLocations(locations: ImageLocations): {
  readonly shipped: string;
  readonly seed: string;
} {
  const images = sortedOnce(locations.images);
  return {
    shipped: writeYaml({
      apiVersion,
      kind: "ImageLocations",
      images: images.length === 0 ? null : images.map(({ image, isBundle }) => ({ image, isBundle })),
    }),
    seed: formatSeed(images),
  };
}

/** The order of keys and the indentation are those of the proposal's examples. */
function formatSeed(images: readonly LocatedImage[]): string {
  const head = `apiVersion: ${apiVersion}\nkind: ImagesLocation\n`;
  if (images.length === 0) return `${head}images: []\n`;
  const entries = images.map(({ image, repository, isBundle }) => {
    const path = repository === undefined ? "" : `    repository: ${scalarText(repository)}\n`;
    return `  - image: ${image}\n${path}    bundle: ${isBundle}\n`;
  });
  return `${head}images:\n${entries.join("")}`;
}

function sortedOnce(images: readonly LocatedImage[]): readonly LocatedImage[] {
  // References are ASCII: the order of their characters is that of their bytes.
  const sorted = [...images].sort((a, b) => (a.image < b.image ? -1 : a.image > b.image ? 1 : 0));
  const seen = new Set<string>();
  return sorted.filter(({ reference: { digest } }) => !seen.has(digest) && seen.add(digest));
}
