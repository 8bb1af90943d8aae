import { isLadingError, LadingError } from "../../errors.ts";
import type { Descriptor } from "../../spec/descriptor.ts";
import type { Digest } from "../../spec/digest.ts";
import { readManifest } from "../../stores/read.ts";
import type { CallOptions, Source } from "../../stores/store.ts";
import { documentLimits } from "../documents/limits.ts";
import { parseLocations, seedLocationsFile, shippedLocationsFile } from "../documents/locations.ts";
import type { ImageLocations } from "../documents/model.ts";
import { locationsTag } from "../documents/names.ts";
import { during } from "../steps.ts";
import { readLayerFiles } from "./layer-files.ts";

/** A locations image holds one or two files. */
const limits = { maxEntries: 1000, maxLayerBytes: 2 * documentLimits.lockBytes + 1024 * 1024 };

/**
 * Reads the image that tells where a bundle's images are, in the bundle's repository.
 * @returns undefined when there is none, or none that these credentials may see
 * @throws LadingError whatever else goes wrong, as `Fetching location image` or `Reading fetched location image`
 */
export async function readLocations(
  repository: Source,
  bundle: Digest,
  options: CallOptions = {},
): Promise<ImageLocations | undefined> {
  const call = options.signal === undefined ? {} : { signal: options.signal };
  const tag = locationsTag(bundle);
  const descriptor = await during("Fetching location image", () => resolve(repository, tag, call));
  if (descriptor === undefined) return undefined;
  return await during("Reading fetched location image", async () => {
    const place = `${repository.label}:${tag}`;
    const manifest = await readManifest(repository, descriptor, call);
    if (manifest.kind !== "image") {
      throw new LadingError(
        "ERR_LADING_DOCUMENT",
        `Expected locations to be an image, was ${manifest.kind}`,
        {
          place,
        },
      );
    }
    const files = await readLayerFiles(
      repository,
      manifest,
      [shippedLocationsFile, seedLocationsFile].map((path) => ({
        path,
        anywhere: true,
        maxBytes: documentLimits.lockBytes,
      })),
      limits,
      call,
    );
    const shipped = files.get(shippedLocationsFile);
    const seed = files.get(seedLocationsFile);
    return parseLocations(
      { ...(shipped === undefined ? {} : { shipped }), ...(seed === undefined ? {} : { seed }) },
      place,
    );
  });
}

const absent: ReadonlySet<string> = new Set([
  "ERR_LADING_NOT_FOUND",
  "ERR_LADING_UNAUTHORIZED",
  "ERR_LADING_DENIED",
]);

async function resolve(repository: Source, tag: string, call: CallOptions): Promise<Descriptor | undefined> {
  try {
    return await repository.resolve(tag, call);
  } catch (error) {
    if (isLadingError(error) && absent.has(error.code)) return undefined;
    throw error;
  }
}
