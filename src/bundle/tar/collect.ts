import { allSettled, createGate, type Gate, linkedAbort } from "../../copy/together.ts";
import { checkSame } from "../../copy/walk.ts";
import { isLadingError, LadingError } from "../../errors.ts";
import { parseConfig } from "../../spec/config.ts";
import type { Descriptor } from "../../spec/descriptor.ts";
import type { Digest } from "../../spec/digest.ts";
import { limits } from "../../spec/limits.ts";
import type { ImageManifest, Index } from "../../spec/manifest.ts";
import { readBytes, readManifest } from "../../stores/read.ts";
import type { CallOptions, Source } from "../../stores/store.ts";
import { unreadableImage } from "../read/unreadable.ts";
import { during } from "../steps.ts";
import { documentLimit, tooLarge } from "./document.ts";
import type { TarImage } from "./image.ts";

/** An image's documents as they go into `manifest.json`. */
export interface CollectedImage {
  readonly kind: "image";
  readonly mediaType: string;
  readonly digest: Digest;
  readonly size: number;
  readonly raw: string;
  readonly config: { readonly digest: Digest; readonly raw: string };
  /** In the order of the layers; fewer or more where the config is not that of a file system. */
  readonly diffIds: readonly Digest[];
  readonly layers: readonly Descriptor[];
}

export interface CollectedIndex {
  readonly kind: "index";
  readonly mediaType: string;
  readonly digest: Digest;
  readonly size: number;
  readonly raw: string;
  readonly children: readonly Collected[];
}

export type Collected = CollectedImage | CollectedIndex;

/** Manifests and configs are small: as many of them are read at once as imgpkg reads. */
const readsAtOnce = 10;

/**
 * Reads the manifests and configs of these images and of all that is below them, each digest once.
 * @throws LadingError ERR_LADING_LIMIT when they are too many for a `manifest.json`, ERR_LADING_UNSUPPORTED for what it
 * cannot hold, and what reading them throws
 */
export async function collectImages(
  images: readonly TarImage[],
  options: CallOptions = {},
): Promise<readonly Collected[]> {
  const { signal, abort } = linkedAbort(options.signal);
  const collector = new Collector(signal, abort);
  return during("Collecting packaging metadata", () =>
    allSettled(
      images.map((image) =>
        during(`Working with ${image.refs[0] ?? image.root.digest}`, () => collector.collectRoot(image)),
      ),
      abort,
    ),
  );
}

/** An image's documents, or an index with what it lists. */
type Document =
  | CollectedImage
  | (Omit<CollectedIndex, "children"> & { readonly lists: readonly Descriptor[] });

class Collector {
  readonly #gate: Gate = createGate(readsAtOnce);
  readonly #signal: AbortSignal;
  readonly #abort: (reason: unknown) => void;
  readonly #documents = new Map<Digest, Promise<Document>>();
  #bytes = 0;

  constructor(signal: AbortSignal, abort: (reason: unknown) => void) {
    this.#signal = signal;
    this.#abort = abort;
  }

  async collectRoot(image: TarImage): Promise<Collected> {
    try {
      return await this.#collect(image, image.root, new Map(), 0);
    } catch (error) {
      if (!isLadingError(error) || !unknownManifest.has(error.code)) throw error;
      throw unreadableImage(error);
    }
  }

  /** @param met what was met below this root already: two roots may take other parts of one index */
  #collect(
    image: TarImage,
    descriptor: Descriptor,
    met: Map<Digest, Promise<Collected>>,
    depth: number,
  ): Promise<Collected> {
    const known = met.get(descriptor.digest);
    if (known !== undefined) return known;
    const collecting = this.#below(image, descriptor, met, depth);
    met.set(descriptor.digest, collecting);
    return collecting;
  }

  async #below(
    image: TarImage,
    descriptor: Descriptor,
    met: Map<Digest, Promise<Collected>>,
    depth: number,
  ): Promise<Collected> {
    const { source, manifests } = image;
    if (depth > limits.graphDepth) {
      throw new LadingError("ERR_LADING_LIMIT", `indexes nest deeper than ${limits.graphDepth} levels`, {
        place: source.label,
      });
    }
    const document = await this.#document(source, descriptor);
    checkSame({ kind: "manifest", descriptor: document }, { kind: "manifest", descriptor });
    if (document.kind === "image") return document;
    const { lists, ...index } = document;
    const along = lists.filter(({ digest }) => manifests?.has(digest) ?? true);
    const children = await allSettled(
      along.map((child) => this.#collect(image, child, met, depth + 1)),
      this.#abort,
    );
    return { ...index, children };
  }

  #document(source: Source, descriptor: Descriptor): Promise<Document> {
    const known = this.#documents.get(descriptor.digest);
    const load = () => this.#load(source, descriptor);
    // What fails at one source may still be read from the next.
    const loading = known === undefined ? load() : known.catch(load);
    this.#documents.set(descriptor.digest, loading);
    return loading;
  }

  async #load(source: Source, descriptor: Descriptor): Promise<Document> {
    const manifest = await this.#read(() => readManifest(source, descriptor, { signal: this.#signal }));
    this.#count(manifest.raw.byteLength, source);
    switch (manifest.kind) {
      case "index":
        return { kind: "index", ...documentOf(manifest, descriptor.digest), lists: manifest.manifests };
      case "image":
        return this.#image(source, descriptor, manifest);
      case "artifact":
        throw new LadingError("ERR_LADING_UNSUPPORTED", `${manifest.mediaType} cannot be kept in a tar`, {
          place: source.label,
          hint: "push the artifact again as an image manifest",
        });
    }
  }

  async #image(source: Source, { digest }: Descriptor, manifest: ImageManifest): Promise<CollectedImage> {
    const { config, layers } = manifest;
    const bytes = await this.#read(() =>
      readBytes(source, "blob", config, limits.configBytes, { signal: this.#signal }),
    );
    this.#count(bytes.byteLength, source);
    return {
      kind: "image",
      ...documentOf(manifest, digest),
      config: { digest: config.digest, raw: textOf(bytes, config.digest, source) },
      diffIds: diffIdsOf(bytes),
      layers,
    };
  }

  #read<T>(read: () => Promise<T>): Promise<T> {
    return this.#gate(() => {
      this.#signal.throwIfAborted();
      return read();
    });
  }

  #count(bytes: number, source: Source): void {
    this.#bytes += bytes;
    if (this.#bytes > documentLimit) throw tooLarge(source.label);
  }
}

const unknownManifest: ReadonlySet<string> = new Set(["ERR_LADING_NOT_FOUND", "ERR_LADING_UNSUPPORTED"]);

function documentOf(manifest: ImageManifest | Index, digest: Digest) {
  const { mediaType, raw } = manifest;
  // `parseManifest` takes UTF-8 only: the text is the bytes.
  return { mediaType, digest, size: raw.byteLength, raw: Buffer.from(raw).toString() };
}

// A byte order mark is part of the bytes.
const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

function textOf(bytes: Uint8Array, digest: Digest, source: Source): string {
  try {
    return utf8.decode(bytes);
  } catch (cause) {
    throw new LadingError(
      "ERR_LADING_UNSUPPORTED",
      `the config ${digest} is not text and cannot be kept in a tar`,
      {
        place: source.label,
        hint: "copy it from registry to registry, or to an oci-archive with `lading image copy`",
        cause,
      },
    );
  }
}

/** None for a config that is not of an image: an artifact's may be anything. */
function diffIdsOf(config: Uint8Array): readonly Digest[] {
  try {
    return parseConfig(config).diffIds;
  } catch (error) {
    if (!isLadingError(error)) throw error;
    return [];
  }
}
