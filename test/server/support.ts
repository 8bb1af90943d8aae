import assert from "node:assert/strict";
import { digestOf } from "../../src/bytes/hash.ts";
import type { Digest } from "../../src/spec/digest.ts";
import { mediaTypes } from "../../src/spec/media-type.ts";
import { http } from "../support/http.ts";

type Headers = Readonly<Record<string, string>>;

/** Uploads bytes in one request; gives their digest. */
export async function pushBlob(
  url: string,
  repository: string,
  bytes: string | Uint8Array,
  headers: Headers = {},
): Promise<Digest> {
  const digest = digestOf(bytes);
  const reply = await http("POST", `${url}/v2/${repository}/blobs/uploads/?digest=${digest}`, {
    headers,
    body: bytes,
  });
  assert.equal(reply.status, 201, reply.text);
  return digest;
}

/** Pushes an image with one layer of these bytes under a tag; gives its digest. */
export async function pushImage(
  url: string,
  repository: string,
  tag: string,
  layer: string | Uint8Array,
  headers: Headers = {},
): Promise<Digest> {
  const config = JSON.stringify({
    os: "linux",
    architecture: "amd64",
    rootfs: { type: "layers", diff_ids: [] },
    author: tag,
  });
  const manifest = JSON.stringify({
    schemaVersion: 2,
    mediaType: mediaTypes.ociManifest,
    config: {
      mediaType: mediaTypes.ociConfig,
      digest: await pushBlob(url, repository, config, headers),
      size: config.length,
    },
    layers: [
      {
        mediaType: mediaTypes.ociLayer,
        digest: await pushBlob(url, repository, layer, headers),
        size: Buffer.byteLength(layer),
      },
    ],
  });
  const reply = await http("PUT", `${url}/v2/${repository}/manifests/${tag}`, {
    headers: { ...headers, "content-type": mediaTypes.ociManifest },
    body: manifest,
  });
  assert.equal(reply.status, 201, reply.text);
  return digestOf(manifest);
}
