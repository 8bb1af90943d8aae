import { type ByteStream, observe } from "../../bytes/stream.ts";
import { LadingError } from "../../errors.ts";
import type { ImageConfig } from "../../spec/config.ts";
import type { Descriptor } from "../../spec/descriptor.ts";
import type { Digest } from "../../spec/digest.ts";
import type { ImageManifest } from "../../spec/manifest.ts";
import { mediaTypes } from "../../spec/media-type.ts";
import { nodeBody, readConfig } from "../../stores/read.ts";
import type { Source } from "../../stores/store.ts";
import { intoFolder } from "./into-folder.ts";
import { consumeLayer } from "./layer-stream.ts";
import { LayerWriter } from "./layer-writer.ts";
import { defaultUnpackLimits, type UnpackOptions, type UnpackResult } from "./options.ts";
import { foldsNames, SimilarNames } from "./similar-names.ts";
import { canWalkByDescriptor, Tree } from "./tree.ts";

/**
 * Unpacks an image's layers, the lowest first, into a folder in one pass. Nothing outside the target is touched, whatever
 * the layers hold: see `Tree`. Compressed bytes are checked against the descriptors and uncompressed ones against the
 * config's diffIDs, and the target appears only when all was right; until then its old content stays.
 *
 * Symbolic links are made as the image has them, also absolute ones and those with `..`: they mean places in the image.
 * Whoever reads through them later should remember that. Devices and fifos are left out with a warning (Node cannot make
 * them), extended attributes are not kept, and setuid bits and owners only on request.
 * @throws LadingError ERR_LADING_DIGEST_MISMATCH, ERR_LADING_SIZE_MISMATCH, ERR_LADING_ARCHIVE, ERR_LADING_UNSAFE_PATH,
 * ERR_LADING_LIMIT, ERR_LADING_STORE, ERR_LADING_USAGE, ERR_LADING_DOCUMENT (config)
 */
export async function unpackImage(
  source: Source,
  manifest: ImageManifest,
  target: string,
  options: UnpackOptions = {},
): Promise<UnpackResult> {
  const diffIds = await readDiffIds(source, manifest, options);
  return await unpack(target, options, async (writer) => {
    for (const [i, descriptor] of manifest.layers.entries()) {
      const { on, signal } = options;
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
  });
}

/** What one layer is, as far as the caller knows. */
export interface LayerFacts {
  /** How messages call it. */
  readonly what?: string;
  readonly descriptor?: Descriptor;
  readonly diffId?: Digest;
}

/**
 * Unpacks one tar, compressed or not, into a folder: `unpackImage` for content that is no image, with all its promises.
 * @throws the same errors
 */
export async function unpackLayer(
  stream: ByteStream,
  target: string,
  options: UnpackOptions & LayerFacts = {},
): Promise<UnpackResult> {
  const { descriptor, diffId } = options;
  const what = options.what ?? descriptor?.digest ?? "archive";
  return await unpack(target, options, (writer) =>
    consumeLayer(
      stream,
      {
        ...(descriptor === undefined ? {} : { descriptor }),
        ...(diffId === undefined ? {} : { diffId }),
        what,
        maxRatio: options.limits?.ratio,
      },
      (tar) => writer.apply(tar, what),
    ),
  );
}

async function unpack(
  target: string,
  options: UnpackOptions,
  fill: (writer: LayerWriter) => Promise<void>,
): Promise<UnpackResult> {
  options.signal?.throwIfAborted();
  if (options.sameOwner === true && process.geteuid?.() !== 0) {
    throw new LadingError("ERR_LADING_USAGE", "only root can give files their owners", {
      hint: "run as root, or unpack without owners",
    });
  }
  const limits = { ...defaultUnpackLimits, ...options.limits };
  return await intoFolder(target, options, async (folder, umask) => {
    const similar = options.similarNames ?? (foldsNames(folder) ? "refuse" : "allow");
    const tree = new Tree(folder, {
      walk: options.walk ?? (canWalkByDescriptor(folder) ? "descriptors" : "paths"),
      throughLinks: options.throughLinks ?? "refuse",
      maxDepth: limits.depth,
      onRemoved: (path) => writer.forgetFolder(path),
    });
    const writer = new LayerWriter(tree, {
      ...options,
      limits,
      target,
      umask,
      names: similar === "refuse" ? new SimilarNames() : undefined,
    });
    try {
      await fill(writer);
      await writer.finish();
      return writer.result;
    } finally {
      tree.close();
    }
  });
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
