import { type Body, bodyOf } from "../../bytes/body.ts";
import { createHasher, digestOf } from "../../bytes/hash.ts";
import { inPlace, LadingError } from "../../errors.ts";
import { sniffCompression } from "../../formats/compression.ts";
import { parseConfig } from "../../spec/config.ts";
import type { Descriptor } from "../../spec/descriptor.ts";
import { type Digest, isDigest, quote } from "../../spec/digest.ts";
import type { Node } from "../../spec/graph.ts";
import { arrayField, asObject, optionalStrings, parseJson, stringField } from "../../spec/json.ts";
import { limits } from "../../spec/limits.ts";
import { mediaTypes } from "../../spec/media-type.ts";
import { formatReference, parseReference } from "../../spec/reference.ts";
import { compareBytewise } from "../referrer.ts";
import type { CallOptions, Source } from "../store.ts";
import { firstBytes, type TarFile } from "./tar-file.ts";

/** One image of `manifest.json`. */
interface DockerImage {
  readonly config: string;
  readonly layers: readonly string[];
  readonly names: readonly string[];
}

const layerTypes = {
  none: mediaTypes.dockerLayer,
  gzip: mediaTypes.dockerLayerGzip,
  zstd: mediaTypes.dockerLayerZstd,
} as const;

/**
 * What `docker save` wrote before it wrote OCI layouts: configs and layers, but no manifests. For each image a Docker
 * schema 2 manifest is made, always the same for the same archive: config and layers as they lie there.
 */
export class DockerArchive implements Source, AsyncDisposable {
  readonly label: string;
  readonly #tar: TarFile;
  readonly #images: readonly DockerImage[];
  readonly #manifests = new Map<DockerImage, Promise<Descriptor>>();
  readonly #content = new Map<Digest, Body>();
  readonly #layers = new Map<string, Promise<Descriptor>>();

  constructor(tar: TarFile, images: readonly DockerImage[], label: string) {
    this.label = label;
    this.#tar = tar;
    this.#images = images;
  }

  /** @throws LadingError ERR_LADING_DOCUMENT, ERR_LADING_LIMIT */
  static async open(tar: TarFile, label: string): Promise<DockerArchive> {
    const bytes = await tar.read("manifest.json", limits.manifestBytes);
    return new DockerArchive(
      tar,
      inPlace(label, () => readImages(bytes)),
      label,
    );
  }

  async resolve(reference: string, options: CallOptions = {}): Promise<Descriptor> {
    options.signal?.throwIfAborted();
    if (isDigest(reference)) {
      for (const image of this.#images) {
        const descriptor = await this.#manifestOf(image, options);
        if (descriptor.digest === reference) return descriptor;
      }
      throw this.#notFound(reference);
    }
    const image = reference === "" ? this.#only() : this.#named(reference);
    if (image === undefined) throw this.#notFound(reference === "" ? "an image" : quote(reference));
    return this.#manifestOf(image, options);
  }

  #only(): DockerImage | undefined {
    if (this.#images.length <= 1) return this.#images[0];
    const names = this.#images.flatMap((image) => image.names);
    throw new LadingError("ERR_LADING_REFERENCE", `${this.label} holds ${this.#images.length} images`, {
      place: this.label,
      hint:
        names.length === 0 ? "name one by its digest" : `name one of them: ${names.slice(0, 10).join(", ")}`,
    });
  }

  /** By the name as it is written there, or as any other way to write the same. */
  #named(reference: string): DockerImage | undefined {
    const exact = this.#images.find(({ names }) => names.includes(reference));
    if (exact !== undefined) return exact;
    const wanted = fullName(reference);
    if (wanted === undefined) return undefined;
    return this.#images.find(({ names }) => names.some((name) => fullName(name) === wanted));
  }

  #manifestOf(image: DockerImage, options: CallOptions): Promise<Descriptor> {
    const before = this.#manifests.get(image);
    if (before !== undefined) return before;
    const made = this.#makeManifest(image, options);
    this.#manifests.set(image, made);
    made.catch(() => this.#manifests.delete(image));
    return made;
  }

  async #makeManifest(image: DockerImage, options: CallOptions): Promise<Descriptor> {
    const bytes = await this.#tar.read(image.config, limits.configBytes);
    const { diffIds } = inPlace(`${this.label}, ${image.config}`, () => parseConfig(bytes));
    if (diffIds.length !== image.layers.length) {
      throw new LadingError(
        "ERR_LADING_DOCUMENT",
        `the image ${quote(image.config)} has ${image.layers.length} layers and ${diffIds.length} diff_ids`,
        { place: this.label },
      );
    }
    const layers: Descriptor[] = [];
    for (const [i, name] of image.layers.entries()) {
      layers.push(await this.#layerOf(name, diffIds[i] as Digest, options));
    }
    const config = { mediaType: mediaTypes.dockerConfig, size: bytes.byteLength, digest: digestOf(bytes) };
    this.#content.set(config.digest, bodyOf(bytes));
    const manifest = Buffer.from(
      JSON.stringify({ schemaVersion: 2, mediaType: mediaTypes.dockerManifest, config, layers }),
    );
    const digest = digestOf(manifest);
    this.#content.set(digest, bodyOf(manifest));
    return { mediaType: mediaTypes.dockerManifest, digest, size: manifest.byteLength };
  }

  #layerOf(name: string, diffId: Digest, options: CallOptions): Promise<Descriptor> {
    const key = `${name}\n${diffId}`;
    const before = this.#layers.get(key);
    if (before !== undefined) return before;
    const made = this.#describeLayer(name, diffId, options);
    this.#layers.set(key, made);
    made.catch(() => this.#layers.delete(key));
    return made;
  }

  async #describeLayer(name: string, diffId: Digest, { signal }: CallOptions): Promise<Descriptor> {
    const body = this.#tar.body(name);
    const compression = sniffCompression(await firstBytes(body, 4));
    // The digest of a layer that is not compressed is its diffID; whoever copies it checks that.
    let digest = diffId;
    if (compression !== "none") {
      const hasher = createHasher();
      const from = { offset: 0, ...(signal === undefined ? {} : { signal }) };
      for await (const chunk of await body.open(from)) hasher.update(chunk);
      digest = hasher.digest();
    }
    this.#content.set(digest, body);
    return { mediaType: layerTypes[compression], size: body.size, digest };
  }

  body(node: Node): Body {
    const { digest, size } = node.descriptor;
    return {
      size,
      open: async (from) => {
        const body = await this.#find(digest);
        if (body === undefined) throw this.#notFound(digest);
        return body.open(from);
      },
    };
  }

  async has(node: Node): Promise<boolean> {
    return (await this.#find(node.descriptor.digest))?.size === node.descriptor.size;
  }

  /** Content becomes known with its image: all images are looked at before one is missed. */
  async #find(digest: Digest): Promise<Body | undefined> {
    for (const image of this.#images) {
      if (this.#content.has(digest)) break;
      // An image that is damaged does not hide the others.
      await this.#manifestOf(image, {}).catch(() => {});
    }
    return this.#content.get(digest);
  }

  async *tags(): AsyncGenerator<string> {
    const names = new Set(this.#images.flatMap((image) => image.names));
    yield* [...names].sort(compareBytewise);
  }

  /** Docker archives have no place for referrers. */
  async *referrers(): AsyncGenerator<Descriptor> {}

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#tar.close();
  }

  #notFound(what: string): LadingError {
    return new LadingError("ERR_LADING_NOT_FOUND", `${what} is not in ${this.label}`, { place: this.label });
  }
}

function readImages(bytes: Uint8Array): readonly DockerImage[] {
  const list = arrayField({ list: parseJson(bytes, "manifest.json") }, "list", "manifest.json");
  return list.map((value, i) => {
    const at = `manifest.json[${i}]`;
    const object = asObject(value, at);
    return {
      config: stringField(object, "Config", at),
      layers: optionalStrings(object, "Layers", at) ?? [],
      names: optionalStrings(object, "RepoTags", at) ?? [],
    };
  });
}

/** `alpine` and `docker.io/library/alpine:latest` mean the same. */
function fullName(text: string): string | undefined {
  try {
    const reference = parseReference(text);
    return formatReference({ ...reference, tag: reference.tag ?? "latest" });
  } catch {
    return undefined;
  }
}
