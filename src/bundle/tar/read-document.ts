import { verifyBytes } from "../../bytes/verify.ts";
import { inPlace, LadingError } from "../../errors.ts";
import type { Descriptor } from "../../spec/descriptor.ts";
import { type Digest, isDigest, quote } from "../../spec/digest.ts";
import {
  arrayField,
  asObject,
  field,
  has,
  type JsonObject,
  optionalString,
  optionalStringMap,
  optionalStrings,
  parseJson,
  stringField,
} from "../../spec/json.ts";
import { limits } from "../../spec/limits.ts";
import { type ImageManifest, type Manifest, parseManifest } from "../../spec/manifest.ts";
import { isTag } from "../../spec/reference.ts";
import { referrerDescriptor } from "../../stores/referrer.ts";
import { documentLimit, documentName } from "./document.ts";

/** An image or index that was asked for when the tar was written. */
export interface TarRoot {
  readonly descriptor: Descriptor;
  /** Where it was found: references by digest. */
  readonly refs: readonly string[];
  /** Empty for none. */
  readonly tag: string;
  /** The reference in the lock of its bundle; empty where there is none. */
  readonly origRef: string;
  readonly labels: Readonly<Record<string, string>> | undefined;
  readonly isIndex: boolean;
}

/** A `manifest.json` that was read and checked. */
export interface TarDocument {
  /** In the order in which they are recorded. */
  readonly roots: readonly TarRoot[];
  readonly manifests: ReadonlyMap<Digest, { readonly descriptor: Descriptor; readonly bytes: Uint8Array }>;
  readonly configs: ReadonlyMap<Digest, Uint8Array>;
  /** Layers that the tar lacks on purpose. */
  readonly leftOut: ReadonlySet<Digest>;
  /** Descriptors of manifests by the digest of their subject. */
  readonly referrers: ReadonlyMap<Digest, readonly Descriptor[]>;
}

/**
 * Parses the `manifest.json` of a tar of imgpkg from untrusted bytes, also of old ones without tags and labels. The bytes
 * of each manifest and config are checked against their digests.
 * @throws LadingError ERR_LADING_DOCUMENT, ERR_LADING_LIMIT, DigestMismatchError, SizeMismatchError
 */
export function parseTarDocument(bytes: Uint8Array, place: string): TarDocument {
  return inPlace(place, () => {
    const json = parseJson(bytes, documentName, documentLimit);
    const reader = new DocumentReader(place);
    // Go writes a list that nothing was added to as null.
    const list = json === null ? [] : arrayField({ list: json }, "list", documentName);
    return reader.read(list);
  });
}

class DocumentReader {
  readonly #place: string;
  readonly #manifests = new Map<Digest, { readonly descriptor: Descriptor; readonly bytes: Uint8Array }>();
  readonly #configs = new Map<Digest, Uint8Array>();
  readonly #leftOut = new Set<Digest>();
  readonly #referrers = new Map<Digest, Descriptor[]>();

  constructor(place: string) {
    this.#place = place;
  }

  read(list: readonly unknown[]): TarDocument {
    const roots = list.map((value, i) => this.#root(value, `${documentName}[${i}]`));
    return {
      roots,
      manifests: this.#manifests,
      configs: this.#configs,
      leftOut: this.#leftOut,
      referrers: this.#referrers,
    };
  }

  #root(value: unknown, at: string): TarRoot {
    const object = asObject(value, at);
    const isIndex = has(object, "ImageIndex");
    if (isIndex === has(object, "Image")) {
      throw new LadingError("ERR_LADING_DOCUMENT", `${at} should have either an Image or an ImageIndex`, {
        hint: "this is no tar that `copy --to-tar` has written; for one of docker write docker-archive: before its path",
      });
    }
    const inside = isIndex ? `${at}.ImageIndex` : `${at}.Image`;
    const record = asObject(field(object, isIndex ? "ImageIndex" : "Image"), inside);
    return {
      descriptor: isIndex ? this.#index(record, inside, 0) : this.#image(record, inside),
      refs: optionalStrings(record, "Refs", inside) ?? [],
      tag: tagField(record, inside),
      origRef: optionalString(record, "OrigRef", inside) ?? "",
      labels: optionalStringMap(record, "Labels", inside),
      isIndex,
    };
  }

  #index(record: JsonObject, at: string, depth: number): Descriptor {
    if (depth > limits.graphDepth) {
      throw new LadingError("ERR_LADING_LIMIT", `${at} is nested deeper than ${limits.graphDepth} levels`);
    }
    const { manifest, descriptor } = this.#manifest(record, at);
    if (manifest.kind !== "index") throw wrongKind(at, "an index", manifest.mediaType);
    for (const [i, child] of listOf(record, "Images", at).entries()) {
      this.#image(asObject(child, `${at}.Images[${i}]`), `${at}.Images[${i}]`);
    }
    for (const [i, child] of listOf(record, "Indexes", at).entries()) {
      this.#index(asObject(child, `${at}.Indexes[${i}]`), `${at}.Indexes[${i}]`, depth + 1);
    }
    return descriptor;
  }

  #image(record: JsonObject, at: string): Descriptor {
    const inside = `${at}.Manifest`;
    const { manifest, descriptor } = this.#manifest(asObject(field(record, "Manifest"), inside), inside);
    if (manifest.kind !== "image") throw wrongKind(inside, "an image", manifest.mediaType);
    this.#config(asObject(field(record, "Config"), `${at}.Config`), `${at}.Config`, manifest);
    for (const [i, value] of listOf(record, "Layers", at).entries()) {
      const layer = asObject(value, `${at}.Layers[${i}]`);
      if (field(layer, "LeftOut") === true) this.#leftOut.add(digestField(layer, `${at}.Layers[${i}]`));
    }
    return descriptor;
  }

  #config(record: JsonObject, at: string, { config }: ImageManifest): void {
    const digest = digestField(record, at);
    if (digest !== config.digest) {
      throw new LadingError("ERR_LADING_DOCUMENT", `${at} is ${digest}, its manifest has ${config.digest}`);
    }
    const bytes = Buffer.from(stringField(record, "Raw", at));
    this.#configs.set(digest, verifyBytes(bytes, config, `${this.#place}, ${at}`));
  }

  #manifest(
    record: JsonObject,
    at: string,
  ): { readonly manifest: Manifest; readonly descriptor: Descriptor } {
    const digest = digestField(record, at);
    const bytes = Buffer.from(stringField(record, "Raw", at));
    const size = bytes.byteLength;
    verifyBytes(bytes, { digest, size }, `${this.#place}, ${at}`);
    const manifest = parseManifest(bytes, optionalString(record, "MediaType", at));
    const descriptor = { mediaType: manifest.mediaType, digest, size };
    if (!this.#manifests.has(digest)) {
      if (this.#manifests.size >= limits.graphNodes) {
        throw new LadingError(
          "ERR_LADING_LIMIT",
          `${documentName} has more than ${limits.graphNodes} manifests`,
        );
      }
      this.#manifests.set(digest, { descriptor, bytes });
      if (manifest.subject !== undefined) {
        const known = this.#referrers.get(manifest.subject.digest) ?? [];
        known.push(referrerDescriptor(descriptor, manifest));
        this.#referrers.set(manifest.subject.digest, known);
      }
    }
    return { manifest, descriptor };
  }
}

function listOf(record: JsonObject, key: string, at: string): readonly unknown[] {
  return has(record, key) ? arrayField(record, key, at) : [];
}

/** Names of manifests come from here and reach registries: only what is a tag. */
function tagField(record: JsonObject, at: string): string {
  const tag = optionalString(record, "Tag", at) ?? "";
  if (tag === "" || isTag(tag)) return tag;
  throw new LadingError("ERR_LADING_DOCUMENT", `${at}.Tag is not a tag: ${quote(tag)}`);
}

function digestField(record: JsonObject, at: string): Digest {
  const value = field(record, "Digest");
  if (isDigest(value)) return value;
  throw new LadingError("ERR_LADING_DOCUMENT", `${at}.Digest is not a digest: ${quote(value)}`);
}

function wrongKind(at: string, expected: string, mediaType: string): LadingError {
  return new LadingError("ERR_LADING_DOCUMENT", `${at} should be ${expected}, not ${quote(mediaType)}`);
}
