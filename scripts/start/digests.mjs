// Looks at what Lading has moved without Lading: plain HTTP, plain files, and a sha256 over every byte.
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";

const manifestTypes = [
  "application/vnd.docker.distribution.manifest.v2+json",
  "application/vnd.docker.distribution.manifest.list.v2+json",
  "application/vnd.oci.image.manifest.v1+json",
  "application/vnd.oci.image.index.v1+json",
].join(", ");

/** Counts what was hashed, each digest once in each place. */
export class Digests {
  #seen = new Set();
  bytes = 0;

  get count() {
    return this.#seen.size;
  }

  /** An image in a registry with everything below it. @param {import("./stage.mjs").Registry} registry @param {string} repository @param {string} digest */
  async inRegistry(registry, repository, digest) {
    const manifest = JSON.parse(String(await this.#read(registry, repository, "manifests", digest)));
    for (const child of manifest.manifests ?? []) await this.inRegistry(registry, repository, child.digest);
    const blobs = [manifest.config, ...(manifest.layers ?? [])].filter((blob) => blob !== undefined);
    for (const blob of blobs) await this.#read(registry, repository, "blobs", blob.digest);
  }

  /** Everything in a tar of `copy --to-tar`; gives the digests of its documents. @param {string} path @returns {Set<string>} */
  inTar(path) {
    const documents = new Set();
    for (const { name, bytes } of entriesOf(readFileSync(path))) {
      const layer = /^sha256-([0-9a-f]{64})\.tar\.gz$/.exec(name);
      if (layer) this.#check(bytes, `sha256:${layer[1]}`, path);
      if (name === "manifest.json") {
        for (const { Raw, Digest } of rawDocuments(JSON.parse(String(bytes)))) {
          this.#check(Buffer.from(Raw), Digest, path);
          documents.add(Digest);
        }
      }
    }
    return documents;
  }

  /** @param {import("./stage.mjs").Registry} registry @param {string} repository @param {"manifests" | "blobs"} kind @param {string} digest */
  async #read({ host, authorization, name }, repository, kind, digest) {
    const response = await fetch(`http://${host}/v2/${repository}/${kind}/${digest}`, {
      headers: { accept: manifestTypes, ...(authorization === undefined ? {} : { authorization }) },
    });
    if (!response.ok) throw new Error(`${digest} is not at ${name}: HTTP ${response.status}`);
    const bytes = Buffer.from(await response.arrayBuffer());
    this.#check(bytes, digest, name);
    return bytes;
  }

  /** @param {Buffer} bytes @param {string} digest @param {string} place */
  #check(bytes, digest, place) {
    const found = `sha256:${createHash("sha256").update(bytes).digest("hex")}`;
    if (found !== digest) throw new Error(`${place} has ${found} under the name of ${digest}`);
    if (this.#seen.has(`${place} ${digest}`)) return;
    this.#seen.add(`${place} ${digest}`);
    this.bytes += bytes.length;
  }
}

/** @param {Buffer} tar */
function* entriesOf(tar) {
  for (let at = 0; tar[at] !== 0 && at < tar.length; ) {
    const header = tar.subarray(at, at + 512);
    const name = String(header.subarray(0, 100)).replace(/\0.*$/s, "");
    const size = Number.parseInt(String(header.subarray(124, 135)), 8);
    yield { name, bytes: tar.subarray(at + 512, at + 512 + size) };
    at += 512 + Math.ceil(size / 512) * 512;
  }
}

/** Manifests, indexes and configs, wherever they are in the document. @param {unknown} value @returns {Generator<{ Raw: string, Digest: string }>} */
function* rawDocuments(value) {
  if (typeof value !== "object" || value === null) return;
  if ("Raw" in value && "Digest" in value) yield value;
  for (const inner of Object.values(value)) yield* rawDocuments(inner);
}
