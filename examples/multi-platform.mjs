// Puts images for several platforms under one index, with the library: node examples/multi-platform.mjs DIR NAME IMAGE…
// DIR is an OCI layout that has the images already, NAME is what the index is called, each IMAGE a name in the layout.
import { createHash } from "node:crypto";
import { openLayout, readBytes, readManifest } from "lading/stores";

/**
 * @param {string} dir
 * @param {string} name
 * @param {readonly string[]} images
 */
export async function putIndex(dir, name, images) {
  const layout = await openLayout(dir);
  const manifests = [];
  for (const image of images) {
    const { mediaType, digest, size } = await layout.resolve(image);
    const manifest = await readManifest(layout, { mediaType, digest, size });
    if (manifest.kind !== "image") throw new Error(`${image} is no image`);
    const config = JSON.parse(
      Buffer.from(await readBytes(layout, "blob", manifest.config, 1 << 20)).toString(),
    );
    manifests.push({
      mediaType,
      digest,
      size,
      platform: { architecture: config.architecture, os: config.os },
    });
  }
  const mediaType = "application/vnd.oci.image.index.v1+json";
  const bytes = Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType, manifests }));
  const digest = `sha256:${createHash("sha256").update(bytes).digest("hex")}`;
  const descriptor = { mediaType, digest, size: bytes.length };
  const open = async ({ offset }) => [bytes.subarray(offset)];
  await layout.write({ kind: "manifest", descriptor }, { size: bytes.length, open });
  await layout.tag(descriptor, name);
  return digest;
}

const [, script, dir, name, ...images] = process.argv;
if (script === new URL(import.meta.url).pathname) console.log(await putIndex(dir, name, images));
