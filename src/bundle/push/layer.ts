import type { EventListener } from "../../events.ts";
import { encodeGoHeader, goFileMode } from "../../formats/tar/go-header.ts";
import type { Layer } from "../../image/layer/create.ts";
import type { PlannedEntry } from "../../image/layer/input.ts";
import { layerTar } from "../../image/layer/layer-tar.ts";
import { packLayer } from "../../image/layer/pack.ts";
import { TimeSlice } from "../../image/time-slice.ts";
import { type BundleCompression, compressBundle, layerTypeOf } from "./compression.ts";
import type { BundleLayerInput } from "./input.ts";
import { planBundleLayer } from "./plan.ts";

export type { BundleCompression } from "./compression.ts";
export type { BundleLayerInput } from "./input.ts";

export interface BundleLayerOptions {
  readonly compression: BundleCompression;
  /**
   * Writes modes as imgpkg does with its flag of this name: those of the files, and for every folder that of the folder
   * which was given, as Go counts modes. Default: what the owner may do with a file, nothing for others.
   */
  readonly preservePermissions?: boolean;
  /** Where the layer lies until it is disposed of, in a file without a name. */
  readonly tempDir: string;
  /** Gets a `file` event for each file. */
  readonly on?: EventListener;
  readonly signal?: AbortSignal;
}

/** A layer with the paths in it, in their order. */
export interface BundleLayer extends Layer {
  readonly entries: readonly { readonly name: string; readonly type: "file" | "directory" }[];
}

/**
 * Makes the layer of a bundle, or of an image that is pushed beside bundles, in one pass: the tar that imgpkg makes of the
 * same files, bit for bit, whoever owns them and whenever they were written.
 * @throws LadingError ERR_LADING_NOT_FOUND for a path that is not there, ERR_LADING_STORE for what cannot be read or
 *   written, ERR_LADING_CONFLICT for a file that changes meanwhile, ERR_LADING_USAGE for links, sockets, pipes, devices and
 *   two things at one path, ERR_LADING_UNSUPPORTED for whiteouts and names that are not UTF-8
 */
export async function createBundleLayer(
  inputs: readonly BundleLayerInput[],
  options: BundleLayerOptions,
): Promise<BundleLayer> {
  const { compression, preservePermissions = false, signal, tempDir } = options;
  signal?.throwIfAborted();
  const slice = new TimeSlice(signal);
  const planned = await planBundleLayer(inputs, slice, preservePermissions);
  const tar = layerTar(planned, slice, {
    header: (entry, size, modeOnDisk) =>
      encodeGoHeader({
        name: entry.name,
        type: typeOf(entry),
        mode: entry.mode ?? modeOf(modeOnDisk ?? 0, preservePermissions),
        size,
      }),
    ...(options.on === undefined ? {} : { on: options.on }),
  });
  const layer = await packLayer(tar, {
    mediaType: layerTypeOf(compression),
    compress: (stream) => compressBundle(stream, compression, signal),
    tempDir,
    signal,
  });
  return { ...layer, entries: planned.map((entry) => ({ name: entry.name, type: typeOf(entry) })) };
}

/** No links are in a bundle's layer: the plan has refused them. */
function typeOf({ type }: PlannedEntry): "file" | "directory" {
  return type === "directory" ? "directory" : "file";
}

/** What others may do depends on a umask; what the owner may do is the author's intention. */
function modeOf(onDisk: number, preserve: boolean): number {
  return preserve ? goFileMode(onDisk) : onDisk & 0o700;
}
