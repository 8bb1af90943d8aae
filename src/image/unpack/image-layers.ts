import { type ByteStream, observe } from "../../bytes/stream.ts";
import { LadingError } from "../../errors.ts";
import type { ImageConfig } from "../../spec/config.ts";
import type { Descriptor } from "../../spec/descriptor.ts";
import type { ImageManifest } from "../../spec/manifest.ts";
import { mediaTypes } from "../../spec/media-type.ts";
import { nodeBody, readConfig } from "../../stores/read.ts";
import type { Source } from "../../stores/store.ts";
import { consumeLayer } from "./layer-stream.ts";
import type { LayerWriter } from "./layer-writer.ts";
import type { UnpackOptions } from "./options.ts";

/** An image to unpack, and where its blobs are. */
export interface UnpackedImage {
  readonly source: Source;
  readonly manifest: ImageManifest;
}

/** Gives an image's layers to a writer, the lowest first. @param target how messages and events call the place */
export async function applyImage(
  { source, manifest }: UnpackedImage,
  writer: LayerWriter,
  target: string,
  options: UnpackOptions,
): Promise<void> {
  const { on, signal } = options;
  const diffIds = await readDiffIds(source, manifest, options);
  for (const [i, descriptor] of manifest.layers.entries()) {
    const diffId = diffIds?.[i];
    on?.({ type: "started", descriptor, to: target, offset: 0 });
    const stored = await openLayer(source, descriptor, signal);
    const observed = observe(stored, (bytes) => on?.({ type: "progress", descriptor, to: target, bytes }));
    await consumeLayer(
      observed,
      {
        descriptor,
        ...(diffId === undefined ? {} : { diffId }),
        place: source.label,
        what: descriptor.digest,
        maxRatio: options.limits?.ratio,
      },
      (tar) => writer.apply(tar, descriptor.digest),
    );
    on?.({ type: "finished", descriptor, to: target, how: "written" });
  }
}

async function openLayer(
  source: Source,
  descriptor: Descriptor,
  signal: AbortSignal | undefined,
): Promise<ByteStream> {
  const body = nodeBody(source, { kind: "blob", descriptor });
  return await body.open({ offset: 0, ...(signal === undefined ? {} : { signal }) });
}

/** The diffIDs of the layers; undefined where the config is none of an image, or names none. */
async function readDiffIds(
  source: Source,
  { config, layers }: ImageManifest,
  { signal }: UnpackOptions,
): Promise<ImageConfig["diffIds"] | undefined> {
  if (config.mediaType !== mediaTypes.ociConfig && config.mediaType !== mediaTypes.dockerConfig)
    return undefined;
  const options = signal === undefined ? {} : { signal };
  const { diffIds } = await readConfig(source, config, options);
  if (diffIds.length === 0) return undefined;
  if (diffIds.length !== layers.length) {
    throw new LadingError(
      "ERR_LADING_DOCUMENT",
      `the image's config names ${diffIds.length} layers (diff_ids), its manifest ${layers.length}`,
      { place: source.label, hint: "the image was put together wrongly; build it again" },
    );
  }
  return diffIds;
}
