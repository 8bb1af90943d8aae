import { gzipSync } from "node:zlib";
import { bodyOf } from "../../src/bytes/body.ts";
import { digestOf } from "../../src/bytes/hash.ts";
import { LadingError } from "../../src/errors.ts";
import type { Descriptor } from "../../src/spec/descriptor.ts";
import type { Digest } from "../../src/spec/digest.ts";
import { type ImageManifest, parseManifest } from "../../src/spec/manifest.ts";
import { mediaTypes } from "../../src/spec/media-type.ts";
import type { Source } from "../../src/stores/store.ts";

export interface LayerImage {
  readonly source: Source;
  readonly manifest: ImageManifest;
  /** What the source answers with; tests may put wrong bytes here. */
  readonly blobs: Map<Digest, Uint8Array>;
}

/** An image of these layers' tars, as gzip when wanted, with a right config. */
export function layerImage(
  tars: readonly Uint8Array[],
  options: { readonly gzip?: boolean; readonly diffIds?: readonly string[] } = {},
): LayerImage {
  const blobs = new Map<Digest, Uint8Array>();
  const add = (bytes: Uint8Array, mediaType: string): Descriptor => {
    const digest = digestOf(bytes);
    blobs.set(digest, bytes);
    return { mediaType, digest, size: bytes.length };
  };
  const layers = tars.map((tar) =>
    options.gzip === true ? add(gzipSync(tar), mediaTypes.ociLayerGzip) : add(tar, mediaTypes.ociLayer),
  );
  const config = add(
    Buffer.from(
      JSON.stringify({
        architecture: "amd64",
        os: "linux",
        config: {},
        rootfs: { type: "layers", diff_ids: options.diffIds ?? tars.map((tar) => digestOf(tar)) },
      }),
    ),
    mediaTypes.ociConfig,
  );
  const raw = Buffer.from(
    JSON.stringify({ schemaVersion: 2, mediaType: mediaTypes.ociManifest, config, layers }),
  );
  const manifest = parseManifest(raw);
  if (manifest.kind !== "image") throw new Error("not an image manifest");
  const source: Source = {
    label: "memory of the test",
    resolve: async () => ({ mediaType: manifest.mediaType, digest: digestOf(raw), size: raw.length }),
    body: ({ descriptor }) => {
      const bytes = blobs.get(descriptor.digest);
      if (bytes === undefined) throw new LadingError("ERR_LADING_NOT_FOUND", `no ${descriptor.digest}`);
      return bodyOf(bytes);
    },
    async *tags() {},
    async *referrers() {},
  };
  return { source, manifest, blobs };
}
