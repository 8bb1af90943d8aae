import { LadingError } from "../../errors.ts";
import { type SelectedManifest, selectManifest } from "../../image/select-image.ts";
import type { UnpackResult } from "../../image/unpack/options.ts";
import { unpackImage } from "../../image/unpack/unpack.ts";
import type { Descriptor } from "../../spec/descriptor.ts";
import type { Platform } from "../../spec/platform.ts";
import { imagesOf } from "../../spec/select.ts";
import { readManifest } from "../../stores/read.ts";
import type { CallOptions, Source } from "../../stores/store.ts";
import { readImage } from "../read/image.ts";
import { isABundle } from "./kind.ts";
import { type PullOptions, unpackOptions } from "./options.ts";

export interface PlainImageOptions extends CallOptions {
  /** Which image of an index; needed where it has several. */
  readonly platform?: Platform;
  /** Refuse bundles. Default true. */
  readonly bundleCheck?: boolean;
}

/**
 * The one image that is to be pulled as it is, with no word about its lock.
 * @throws LadingError ERR_LADING_USAGE for a bundle, ERR_LADING_UNSUPPORTED for an index of several images when no
 * platform is named, each with imgpkg's sentence; what `selectManifest` throws
 */
export async function selectPlainImage(
  source: Source,
  descriptor: Descriptor,
  { platform, bundleCheck = true, ...call }: PlainImageOptions = {},
): Promise<SelectedManifest> {
  const root = await readManifest(source, descriptor, call);
  if (root.kind === "index" && platform === undefined && imagesOf(root).length !== 1) {
    throw new LadingError("ERR_LADING_UNSUPPORTED", "Unable to pull non-images, such as image indexes.", {
      place: source.label,
      hint: "provide a specific digest to the image instead",
    });
  }
  const chosen = await selectManifest(source, descriptor, {
    ...call,
    ...(platform === undefined ? {} : { platform }),
  });
  if (bundleCheck && (await readImage(source, chosen.descriptor, call)).isBundle) {
    throw isABundle(source.label);
  }
  return chosen;
}

/**
 * Unpacks an image into a folder, which gets the image's files and nothing else; until all is there and right it stays as
 * it was. Files have the modes that imgpkg gives them (`modes: "shared"`).
 * @throws LadingError as `unpackImage`
 */
export function pullImage(
  source: Source,
  { manifest }: SelectedManifest,
  target: string,
  options: PullOptions = {},
): Promise<UnpackResult> {
  return unpackImage(source, manifest, target, unpackOptions(options));
}
