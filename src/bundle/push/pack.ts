import { LadingError } from "../../errors.ts";
import type { EventListener } from "../../events.ts";
import { NewImage } from "../../image/new-image.ts";
import { TimeSlice } from "../../image/time-slice.ts";
import type { Platform } from "../../spec/platform.ts";
import type { ImagesLock } from "../documents/model.ts";
import { bundleLabel } from "../documents/names.ts";
import { findBundleFolder, readImagesLock } from "./bundle-folder.ts";
import { imgpkgDocuments } from "./documents.ts";
import { type BundleDiskInput, shownName } from "./input.ts";
import { type BundleCompression, type BundleLayer, createBundleLayer } from "./layer.ts";

export interface PackOptions {
  /** Of the config; a bundle's own label is added to them. */
  readonly labels?: Readonly<Record<string, string>>;
  /** Default "imgpkg". */
  readonly compression?: BundleCompression;
  /** See `BundleLayerOptions`. */
  readonly preservePermissions?: boolean;
  /** What the config says it is for. Default: nothing, as imgpkg does. */
  readonly platform?: Platform;
  /** Where the layer lies until it is disposed of. */
  readonly tempDir: string;
  /** Gets a `file` event for each file. */
  readonly on?: EventListener;
  readonly signal?: AbortSignal;
}

/** An image that was made of files, ready to be copied until it is disposed of. */
export interface PackedImage extends AsyncDisposable {
  readonly image: NewImage;
  /** What is in its layer, in its order. */
  readonly entries: BundleLayer["entries"];
  /** Of a bundle, the images that it names. */
  readonly lock?: ImagesLock | undefined;
}

/**
 * Makes a bundle of folders and files: of the same ones always the same, and the one that imgpkg makes.
 * @throws LadingError ERR_LADING_USAGE when they are no bundle, ERR_LADING_DOCUMENT when its images.yml cannot be used,
 *   and what `createBundleLayer` throws
 */
export async function packBundle(
  files: readonly BundleDiskInput[],
  options: PackOptions,
): Promise<PackedImage> {
  const { labels = {} } = options;
  checkLabels(labels);
  const bundle = await findBundleFolder(files, new TimeSlice(options.signal));
  if ("problem" in bundle) throw new LadingError("ERR_LADING_USAGE", bundle.problem);
  const lock = await readImagesLock(bundle.path);
  const packed = await pack(files, { ...labels, [bundleLabel]: "true" }, options);
  return { ...packed, lock };
}

/**
 * Makes an image of folders and files, in the form that bundles have. Without any, it is empty.
 * @throws LadingError ERR_LADING_USAGE when they are a bundle, and what `createBundleLayer` throws
 */
export async function packImage(
  files: readonly BundleDiskInput[],
  options: PackOptions,
): Promise<PackedImage> {
  const { labels = {} } = options;
  checkLabels(labels);
  const bundle = await findBundleFolder(files, new TimeSlice(options.signal));
  if ("path" in bundle) {
    throw new LadingError(
      "ERR_LADING_USAGE",
      "Images cannot be pushed with '.imgpkg' directories, consider using --bundle (-b) option",
    );
  }
  return await pack(files, labels, options);
}

/** @throws LadingError ERR_LADING_USAGE for the label that makes a bundle: only its content does */
export function checkLabels(labels: Readonly<Record<string, string>>): void {
  if (!Object.hasOwn(labels, bundleLabel)) return;
  throw new LadingError(
    "ERR_LADING_USAGE",
    `label '${bundleLabel}' is reserved and cannot be overriden. Please use a different key`,
  );
}

async function pack(
  files: readonly BundleDiskInput[],
  labels: Readonly<Record<string, string>>,
  { compression = "imgpkg", platform, ...options }: PackOptions,
): Promise<PackedImage> {
  const layer = await createBundleLayer(files, { ...options, compression });
  const documents = imgpkgDocuments(layer, { labels, ...(platform === undefined ? {} : { platform }) });
  return {
    image: await NewImage.of(files.map(shownName).join(", "), documents, [layer]),
    entries: layer.entries,
    [Symbol.asyncDispose]: () => layer[Symbol.asyncDispose](),
  };
}
