/** What sides have made, as digests that can be compared. Reads with Node's own means, not with the client measured. */
import { createHash } from "node:crypto";
import { createReadStream, createWriteStream } from "node:fs";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import { readTar } from "../src/formats/tar/read.ts";

interface Manifest {
  readonly config: { readonly digest: string };
  readonly layers: readonly { readonly digest: string }[];
}

const manifestTypes =
  "application/vnd.oci.image.manifest.v1+json, application/vnd.docker.distribution.manifest.v2+json";

/** Reads images whole and checks every digest. @returns how many, and a digest over their digests */
export async function imagesInRegistry(
  host: string,
  repository: string,
  tags: readonly string[],
): Promise<string> {
  const checked = new Set<string>();
  const digests: string[] = [];
  for (const tag of tags) {
    const { digest, manifest } = await readManifest(host, repository, tag);
    digests.push(`${tag} ${digest}\n`);
    for (const blob of [manifest.config, ...manifest.layers]) {
      if (checked.has(blob.digest)) continue;
      checked.add(blob.digest);
      const found = await sha256(await readBlob(host, repository, blob.digest));
      if (found !== blob.digest) throw new Error(`${blob.digest} in ${host}/${repository} is ${found}`);
    }
  }
  return `${tags.length} images, ${summary(digests)}`;
}

/** Writes the only layer of an image into a file. */
export async function saveLayer(host: string, repository: string, tag: string, file: string): Promise<void> {
  const { manifest } = await readManifest(host, repository, tag);
  const digest = manifest.layers[0]?.digest;
  if (digest === undefined || manifest.layers.length > 1) throw new Error("the image has not just one layer");
  await pipeline(await readBlob(host, repository, digest), createWriteStream(file));
}

/** Reads an oci-archive and checks every blob. @returns how many, and a digest over their digests */
export async function blobsInArchive(file: string): Promise<string> {
  const digests: string[] = [];
  for await (const item of readTar(createReadStream(file, { highWaterMark: 1024 * 1024 }))) {
    const hex = /^(?:\.\/)?blobs\/sha256\/([0-9a-f]{64})$/.exec(item.name)?.[1];
    if (item.type !== "file" || hex === undefined) continue;
    const found = await sha256(item.content());
    if (found !== `sha256:${hex}`) throw new Error(`${item.name} is ${found}`);
    digests.push(`${found}\n`);
  }
  return `${digests.length} blobs, ${summary(digests)}`;
}

/** Reads the layers of a tar of imgpkg's form and checks each. @returns how many, and a digest over their digests */
export async function layersInTar(file: string): Promise<string> {
  const digests = new Set<string>();
  for await (const item of readTar(createReadStream(file, { highWaterMark: 1024 * 1024 }))) {
    const hex = /^sha256-([0-9a-f]{64})\.tar\.gz$/.exec(item.name)?.[1];
    if (item.type !== "file" || hex === undefined) continue;
    const found = await sha256(item.content());
    if (found !== `sha256:${hex}`) throw new Error(`${item.name} is ${found}`);
    digests.add(`${found}\n`);
  }
  return `${digests.size} layers, ${summary([...digests])}`;
}

/** The same of folders in which each blob is a file that has its digest as its name; layers are those that are gzip. */
export async function layersInFolders(folders: readonly string[]): Promise<string> {
  const digests = new Set<string>();
  for (const folder of folders) {
    for (const hex of await readdir(folder)) {
      const bytes = await readFile(join(folder, hex));
      if (bytes[0] !== 0x1f || bytes[1] !== 0x8b) continue;
      const found = await sha256([bytes]);
      if (found !== `sha256:${hex}`) throw new Error(`${hex} is ${found}`);
      digests.add(`${found}\n`);
    }
  }
  return `${digests.size} layers, ${summary([...digests])}`;
}

async function readManifest(
  host: string,
  repository: string,
  tag: string,
): Promise<{ readonly digest: string; readonly manifest: Manifest }> {
  const answer = await fetch(`http://${host}/v2/${repository}/manifests/${tag}`, {
    headers: { accept: manifestTypes },
  });
  if (!answer.ok) throw new Error(`${repository}:${tag} cannot be read: ${answer.status}`);
  const bytes = Buffer.from(await answer.arrayBuffer());
  return { digest: await sha256([bytes]), manifest: JSON.parse(bytes.toString()) };
}

async function readBlob(
  host: string,
  repository: string,
  digest: string,
): Promise<AsyncIterable<Uint8Array>> {
  const answer = await fetch(`http://${host}/v2/${repository}/blobs/${digest}`);
  if (!answer.ok || answer.body === null) throw new Error(`${digest} cannot be read: ${answer.status}`);
  return answer.body;
}

async function sha256(chunks: AsyncIterable<Uint8Array> | Iterable<Uint8Array>): Promise<string> {
  const hash = createHash("sha256");
  for await (const chunk of chunks) hash.update(chunk);
  return `sha256:${hash.digest("hex")}`;
}

function summary(lines: readonly string[]): string {
  return createHash("sha256")
    .update([...lines].sort().join(""))
    .digest("hex")
    .slice(0, 12);
}
