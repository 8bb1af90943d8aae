import type { ByteStream } from "../../bytes/stream.ts";
import { LadingError } from "../../errors.ts";
import type { Descriptor } from "../../spec/descriptor.ts";
import type { Digest } from "../../spec/digest.ts";
import type { ImageManifest } from "../../spec/manifest.ts";
import type { Source } from "../../stores/store.ts";
import { type Filling, fillFolder } from "./fill-folder.ts";
import { applyImage } from "./image-layers.ts";
import { intoFolder } from "./into-folder.ts";
import { consumeLayer } from "./layer-stream.ts";
import type { UnpackOptions, UnpackResult } from "./options.ts";
import { StagedFolder, type StagedFolderTask } from "./staged-folder.ts";

/**
 * Unpacks an image's layers, the lowest first, into a folder in one pass. Nothing outside the target is touched, whatever
 * the layers hold: see `Tree`. Compressed bytes are checked against the descriptors and uncompressed ones against the
 * config's diffIDs, and the target appears only when all was right; until then its old content stays.
 *
 * Symbolic links are made as the image has them, also absolute ones and those with `..`: they mean places in the image.
 * Whoever reads through them later should remember that. Devices and fifos are left out with a warning (Node cannot make
 * them), extended attributes are not kept, and setuid bits and owners only on request.
 * @param then is called when all layers are there and nobody can see them yet: what it does appears with them
 * @throws LadingError ERR_LADING_DIGEST_MISMATCH, ERR_LADING_SIZE_MISMATCH, ERR_LADING_ARCHIVE, ERR_LADING_UNSAFE_PATH,
 * ERR_LADING_LIMIT, ERR_LADING_STORE, ERR_LADING_USAGE, ERR_LADING_DOCUMENT (config)
 */
export async function unpackImage(
  source: Source,
  manifest: ImageManifest,
  target: string,
  options: UnpackOptions = {},
  then?: StagedFolderTask,
): Promise<UnpackResult> {
  return await unpack(target, options, async ({ tree, writer }, umask) => {
    await applyImage({ source, manifest }, writer, target, options);
    // Folders get their modes after this: they may be read-only then.
    await then?.(new StagedFolder(tree, { target, umask, options }));
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
  return await unpack(target, options, ({ writer }) =>
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
  fill: (filling: Filling, umask: number) => Promise<void>,
): Promise<UnpackResult> {
  options.signal?.throwIfAborted();
  if (options.sameOwner === true && process.geteuid?.() !== 0) {
    throw new LadingError("ERR_LADING_USAGE", "only root can give files their owners", {
      hint: "run as root, or unpack without owners",
    });
  }
  return await intoFolder(target, options, (folder, umask) =>
    fillFolder(folder, { target, umask, options }, (filling) => fill(filling, umask)),
  );
}
