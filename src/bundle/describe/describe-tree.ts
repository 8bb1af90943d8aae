/** Tells what a bundle holds: its tree with where each image was and is, and what belongs to the images. */
import { allSettled, createGate, type Gate, linkedAbort } from "../../copy/together.ts";
import { isLadingError, LadingError } from "../../errors.ts";
import type { Descriptor } from "../../spec/descriptor.ts";
import type { Digest } from "../../spec/digest.ts";
import { limits } from "../../spec/limits.ts";
import { compareBytewise } from "../../stores/referrer.ts";
import type { CallOptions, Source } from "../../stores/store.ts";
import { type CosignKind, cosignKinds, findCosignArtifacts } from "../artifacts/cosign.ts";
import {
  cosignTag,
  locationsTag,
  lockName,
  lockRepositoryName,
  type PinnedReference,
} from "../documents/names.ts";
import type { BundleEntry, BundleNode } from "../read/model.ts";
import { during } from "../steps.ts";
import { describeLayers } from "./layers.ts";
import type {
  BundleDescription,
  DescribedBundle,
  DescribedError,
  DescribedImage,
  DescribedMetadata,
  DescribedType,
} from "./model.ts";

export interface DescribeOptions extends CallOptions {
  /** Look into every image for its layers. Default true. */
  readonly layers?: boolean;
  /** Look for signatures, attestations and SBOMs of every image. Default true. */
  readonly cosignArtifacts?: boolean;
  /** Images that are looked at together. Default 8. */
  readonly concurrency?: number;
  /** How an image is called by where it is. Default: as in locks. */
  readonly nameOf?: (reference: PinnedReference) => string;
}

const cosignTypes: Readonly<Record<CosignKind, DescribedType>> = {
  sig: "Signature",
  att: "Attestation",
  sbom: "SBOM",
};

/** What is the same for a bundle wherever the tree names it. */
type Inside = Pick<DescribedBundle, "content" | "layers" | "metadata"> & { readonly entries: number };
type Named = readonly [key: string, image: DescribedImage | DescribedError];

/**
 * Describes a tree that was read. Every image and every repository's artifacts are asked for once, however many bundles
 * name them.
 * @throws LadingError ERR_LADING_LIMIT when the bundles that are named again and again make more than 100,000 entries;
 *   ERR_LADING_NOT_FOUND for an image that is not where it should be; what the sources throw. Artifacts that may not be
 *   seen (403) are entries that say so.
 */
export async function describeTree(
  tree: BundleNode,
  options: DescribeOptions = {},
): Promise<BundleDescription> {
  const { signal, abort } = linkedAbort(options.signal);
  const describer = new Describer({ ...options, signal }, abort);
  const { entries: _, ...inside } = await describer.inside(tree);
  const name = describer.nameOf(tree.reference);
  return { sha: tree.descriptor.digest, image: name, origin: name, ...inside };
}

class Describer {
  readonly #options: DescribeOptions & { readonly signal: AbortSignal };
  readonly #abort: (reason: unknown) => void;
  readonly #gate: Gate;
  readonly nameOf: (reference: PinnedReference) => string;
  readonly #insides = new Map<BundleNode, Promise<Inside>>();
  readonly #layers = new Map<string, ReturnType<typeof describeLayers>>();
  readonly #artifacts = new Map<string, Promise<readonly Named[]>>();

  constructor(options: DescribeOptions & { readonly signal: AbortSignal }, abort: (reason: unknown) => void) {
    this.#options = options;
    this.#abort = abort;
    this.#gate = createGate(options.concurrency ?? 8);
    this.nameOf = options.nameOf ?? lockName;
  }

  inside(node: BundleNode): Promise<Inside> {
    return once(this.#insides, node, () => this.#inside(node));
  }

  async #inside(node: BundleNode): Promise<Inside> {
    const { reference, source, descriptor } = node;
    const [{ layers }, own, locations, entries] = await this.#all([
      this.#layersOf(reference, source, descriptor),
      this.#artifactsOf(reference, source),
      this.#locationsOf(node),
      this.#all(node.images.map((entry) => this.#entry(entry))),
    ] as const);
    const bundles = entries.flatMap(({ bundle }) => (bundle === undefined ? [] : [bundle]));
    const images = new Map([...own, ...locations, ...entries.flatMap(({ artifacts }) => artifacts)]);
    // What the lock names is what it is, also when it is somebody's signature.
    for (const { image } of entries) if (image !== undefined) images.set(image[0], image[1]);
    const count = images.size + bundles.reduce((sum, [, , below]) => sum + 1 + below, 0);
    if (count > limits.graphNodes) {
      throw new LadingError(
        "ERR_LADING_LIMIT",
        `the bundle names more than ${limits.graphNodes} images, the bundles within bundles counted each time`,
        { place: lockName(reference) },
      );
    }
    return {
      content: {
        ...(bundles.length === 0 ? {} : { bundles: sorted(bundles.map(([key, bundle]) => [key, bundle])) }),
        ...(images.size === 0 ? {} : { images: sorted([...images]) }),
      },
      ...(layers === undefined ? {} : { layers }),
      metadata: metadataOf(node),
      entries: count,
    };
  }

  /** One image of the lock as a bundle or as an image, and what belongs to it. */
  async #entry({ locked, reference, source, descriptor, bundle }: BundleEntry): Promise<{
    readonly bundle?: readonly [key: Digest, bundle: DescribedBundle, entries: number];
    readonly image?: Named;
    readonly artifacts: readonly Named[];
  }> {
    const { digest } = reference;
    const where = {
      ...annotationsOf(locked.annotations),
      image: this.nameOf(reference),
      origin: locked.image,
    };
    if (bundle !== undefined) {
      const [{ entries, ...inside }, artifacts] = await this.#all([
        this.inside(bundle),
        this.#artifactsOf(reference, source),
      ] as const);
      return { bundle: [digest, { ...where, ...inside }, entries], artifacts };
    }
    const [layers, artifacts] = await this.#all([
      this.#layersOf(reference, source, descriptor),
      this.#artifactsOf(reference, source),
    ] as const);
    return { image: [digest, { ...where, imageType: "Image", ...layers }], artifacts };
  }

  #layersOf(
    reference: PinnedReference,
    source: Source,
    descriptor: Descriptor | undefined,
  ): ReturnType<typeof describeLayers> {
    if (this.#options.layers === false) return Promise.resolve({});
    const { signal } = this.#options;
    return once(this.#layers, lockName(reference), () =>
      this.#gate(async () => {
        signal.throwIfAborted();
        const known = descriptor ?? (await source.resolve(reference.digest, { signal }));
        return describeLayers(source, known, { signal });
      }),
    );
  }

  #artifactsOf(reference: PinnedReference, source: Source): Promise<readonly Named[]> {
    if (this.#options.cosignArtifacts === false) return Promise.resolve([]);
    return once(this.#artifacts, lockName(reference), async (): Promise<readonly Named[]> => {
      const answers = await this.#all(
        cosignKinds.map((kind) => this.#artifactsOfKind(reference, source, kind)),
      );
      const seen = answers.flatMap((answer) => (answer === "denied" ? [] : answer));
      if (!answers.includes("denied")) return seen;
      // A repository that refuses one kind refuses them all: said once.
      const ref = `${lockRepositoryName(reference)}:${cosignTag(reference.digest, "sig")}`;
      return [...seen, [ref, { error: "access denied", imageType: cosignTypes.sig }]];
    });
  }

  async #artifactsOfKind(
    reference: PinnedReference,
    source: Source,
    kind: CosignKind,
  ): Promise<readonly Named[] | "denied"> {
    const { signal } = this.#options;
    let isDenied = false;
    const onDenied = (): void => {
      isDenied = true;
    };
    const found = await this.#gate(() => {
      signal.throwIfAborted();
      return during(`Fetching signature for image '${lockName(reference)}'`, () =>
        findCosignArtifacts(source, reference.digest, [kind], { signal, onDenied }),
      );
    });
    if (isDenied) return "denied";
    return this.#all(
      found.map(async ({ tag, descriptor }): Promise<Named> => {
        const pinned = { ...reference, digest: descriptor.digest };
        const name = this.nameOf(pinned);
        const layers = await this.#layersOf(pinned, source, descriptor);
        return [
          descriptor.digest,
          { annotations: { tag }, image: name, imageType: cosignTypes[kind], origin: name, ...layers },
        ];
      }),
    );
  }

  async #locationsOf({ locations, source, reference, descriptor }: BundleNode): Promise<readonly Named[]> {
    if (locations === undefined) return [];
    const { signal } = this.#options;
    try {
      const found = await this.#gate(() => source.resolve(locationsTag(descriptor.digest), { signal }));
      const pinned = { ...reference, digest: found.digest };
      const name = this.nameOf(pinned);
      const layers = await this.#layersOf(pinned, source, found);
      return [[found.digest, { image: name, imageType: "Internal", origin: name, ...layers }]];
    } catch (error) {
      // It was read a moment ago; who has taken it away since has no need of our failing.
      if (isLadingError(error) && error.code === "ERR_LADING_NOT_FOUND") return [];
      throw error;
    }
  }

  /** Waits for all; the first failure ends the others. */
  async #all<const T extends readonly Promise<unknown>[]>(
    promises: T,
  ): Promise<{ -readonly [K in keyof T]: Awaited<T[K]> }> {
    return (await allSettled(promises, this.#abort)) as { -readonly [K in keyof T]: Awaited<T[K]> };
  }
}

function metadataOf({ metadata }: BundleNode): DescribedMetadata {
  if (metadata === undefined) return {};
  return {
    ...(metadata.authors.length === 0 ? {} : { authors: metadata.authors }),
    ...(Object.keys(metadata.metadata).length === 0 ? {} : { metadata: metadata.metadata }),
    ...(metadata.websites.length === 0 ? {} : { websites: metadata.websites }),
  };
}

function annotationsOf(annotations: Readonly<Record<string, string>>): Pick<DescribedImage, "annotations"> {
  return Object.keys(annotations).length === 0 ? {} : { annotations };
}

function sorted<V>(entries: (readonly [string, V])[]): Record<string, V> {
  return Object.fromEntries(entries.sort(([a], [b]) => compareBytewise(a, b)));
}

function once<K, V>(map: Map<K, V>, key: K, make: () => V): V {
  const known = map.get(key);
  if (known !== undefined) return known;
  const made = make();
  map.set(key, made);
  return made;
}
