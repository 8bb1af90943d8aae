import { allSettled, createGate, type Gate, linkedAbort, mapTogether } from "../../copy/together.ts";
import { LadingError } from "../../errors.ts";
import type { EventListener } from "../../events.ts";
import type { Descriptor } from "../../spec/descriptor.ts";
import type { Digest } from "../../spec/digest.ts";
import type { ImageManifest } from "../../spec/manifest.ts";
import { type Reference, targetOf } from "../../spec/reference.ts";
import type { CallOptions, Source } from "../../stores/store.ts";
import type { ImagesLock, LocatedImage, LockedImage } from "../documents/model.ts";
import { lockName, type PinnedReference, pinnedIn } from "../documents/names.ts";
import type { Repositories } from "../repositories.ts";
import { during } from "../steps.ts";
import { readBundleFiles } from "./bundle-files.ts";
import { ImageFinder } from "./find.ts";
import { readImage } from "./image.ts";
import { type LoadedBundle, type LoadedEntry, linkTree, maxBundleDepth, tooDeep } from "./link.ts";
import { readLocations } from "./locations-image.ts";
import type { BundleNode } from "./model.ts";

export interface BundleRoot {
  /** Its repository is where the images are looked for first. */
  readonly reference: Reference;
  readonly source: Source;
  /** What the reference stands for, where that is known. */
  readonly descriptor?: Descriptor;
  /** Its lock, where its layers were read and checked before: they are not read again, also not for its metadata. */
  readonly lock?: ImagesLock;
}

export interface ReadBundleTreeOptions extends CallOptions {
  /** Requests at the same time. Default 5. */
  readonly concurrency?: number;
  /** One `debug` event for each bundle that was read. */
  readonly on?: EventListener;
  /** How far to go: all bundles within bundles, or only the one that is named. Default "all". */
  readonly depth?: "all" | "one";
  /**
   * What to do with an image that is not beside its bundle, where no locations image tells of it. "fail": it has to be at
   * its origin. "assume-origin": it is taken to be there; only with depth "all" the origin is asked, whether it is a
   * bundle, and may refuse. Default "fail".
   */
  readonly missing?: "fail" | "assume-origin";
}

const defaultConcurrency = 5;
/** Bundles in one tree. */
const maxBundles = 10_000;
/** Characters in the locks of one tree: thirty times what ten thousand images take. */
const maxLockText = 128 * 1024 * 1024;

/**
 * Reads a bundle and the bundles in it, and finds where every image is. Where a bundle has a locations image in its
 * repository, that says where its images are, and no other registry is asked: plain images are not even looked for.
 * Otherwise an image is looked for in the bundle's repository, and then where the lock says. Bundles are looked for
 * relative to the repository in which the outer one was found. Each bundle, and each image of a repository, is read once.
 * @throws LadingError ERR_LADING_USAGE when the root is no bundle; ERR_LADING_NOT_FOUND, ERR_LADING_UNAUTHORIZED,
 * ERR_LADING_DENIED and others for an image that is nowhere, as the last place that was asked says it;
 * ERR_LADING_DOCUMENT, ERR_LADING_LIMIT for what a lock, a locations image, or the tree itself does
 */
export async function readBundleTree(
  root: BundleRoot,
  repositories: Repositories<Source>,
  options: ReadBundleTreeOptions = {},
): Promise<BundleNode> {
  const { signal, abort } = linkedAbort(options.signal);
  const reader = new TreeReader(root, repositories, { ...options, signal }, abort);
  return await reader.read(root);
}

class TreeReader {
  readonly #options: ReadBundleTreeOptions;
  readonly #signal: AbortSignal;
  readonly #abort: (reason: unknown) => void;
  readonly #concurrency: number;
  readonly #gate: Gate;
  readonly #finder: ImageFinder;
  /** By name; undefined while it is read. Nobody waits for a bundle: that could be in a circle. */
  readonly #bundles = new Map<string, LoadedBundle | undefined>();
  /** Characters of the locks that were read. */
  #lockText = 0;

  constructor(
    root: BundleRoot,
    repositories: Repositories<Source>,
    options: ReadBundleTreeOptions & { readonly signal: AbortSignal },
    abort: (reason: unknown) => void,
  ) {
    this.#options = options;
    this.#signal = options.signal;
    this.#abort = abort;
    this.#concurrency = options.concurrency ?? defaultConcurrency;
    this.#gate = createGate(this.#concurrency);
    this.#finder = new ImageFinder(root, repositories, this.#gate, {
      signal: this.#signal,
      kinds: options.depth !== "one",
      missing: options.missing ?? "fail",
    });
  }

  async read(root: BundleRoot): Promise<BundleNode> {
    const call = { signal: this.#signal };
    const { source } = root;
    const descriptor =
      root.descriptor ??
      (await during("Fetching image", () => source.resolve(targetOf(root.reference), call)));
    const { manifest, isBundle } = await readImage(source, descriptor, call);
    if (manifest.kind !== "image" || !isBundle) {
      throw new LadingError("ERR_LADING_USAGE", "Expected bundle image but found plain image", {
        place: source.label,
        hint: "Did you use -i instead of -b?",
      });
    }
    const reference = pinnedIn(root.reference, descriptor.digest);
    await this.#load({ reference, source, descriptor, manifest }, 0, root.lock);
    return linkTree(lockName(reference), this.#bundles);
  }

  async #load(bundle: OpenedBundle, depth: number, lock?: ImagesLock): Promise<void> {
    const { reference, source, descriptor, manifest } = bundle;
    const name = lockName(reference);
    if (this.#bundles.has(name)) return;
    if (depth > maxBundleDepth) throw tooDeep(name);
    this.#bundles.set(name, undefined);
    if (this.#bundles.size > maxBundles) {
      throw new LadingError("ERR_LADING_LIMIT", `there are more than ${maxBundles} bundles in one`, {
        place: name,
      });
    }
    const call = { signal: this.#signal };
    const [files, locations] = await this.#all([
      lock === undefined
        ? this.#gate(() => readBundleFiles(source, manifest, call))
        : Promise.resolve({ lock, metadata: undefined }),
      this.#gate(() => readLocations(source, descriptor.digest, call)),
    ] as const);
    const { images } = files.lock;
    this.#lockText += textOf(files.lock);
    if (this.#lockText > maxLockText) {
      throw new LadingError(
        "ERR_LADING_LIMIT",
        `the locks of the bundles in one have more than ${maxLockText} characters`,
        { place: name },
      );
    }
    this.#options.on?.({
      type: "debug",
      message: `read the bundle ${name}: ${images.length} images, ${locations === undefined ? "no locations image" : "with a locations image"}`,
    });
    const located = locations === undefined ? undefined : byDigest(locations.images);
    const found = await mapTogether(
      byDigestOf(images),
      this.#concurrency,
      (locked) => this.#finder.find(locked, reference, located?.get(locked[0].reference.digest)),
      this.#abort,
    );
    const nested: Promise<void>[] = [];
    const entries = found.map(({ bundle: inner, ...entry }): LoadedEntry => {
      if (inner === undefined) return entry;
      nested.push(this.#load({ ...entry, ...inner }, depth + 1));
      return { ...entry, bundle: lockName(entry.reference) };
    });
    this.#bundles.set(name, { reference, source, descriptor, ...files, locations, entries });
    await this.#all(nested);
  }

  /** Waits for all; the first failure ends the others. */
  async #all<const T extends readonly Promise<unknown>[]>(
    promises: T,
  ): Promise<{ -readonly [K in keyof T]: Awaited<T[K]> }> {
    return (await allSettled(promises, this.#abort)) as { -readonly [K in keyof T]: Awaited<T[K]> };
  }
}

interface OpenedBundle {
  readonly reference: PinnedReference;
  readonly source: Source;
  readonly descriptor: Descriptor;
  readonly manifest: ImageManifest;
}

function textOf({ images }: ImagesLock): number {
  let length = 0;
  for (const { image, annotations } of images) {
    length += image.length;
    for (const [name, value] of Object.entries(annotations)) length += name.length + value.length;
  }
  return length;
}

function byDigest(images: readonly LocatedImage[]): ReadonlyMap<Digest, LocatedImage> {
  return new Map(images.map((image) => [image.reference.digest, image]));
}

/** What a lock names, each digest once, with all names that it has there. */
function byDigestOf(images: readonly LockedImage[]): (readonly [LockedImage, ...LockedImage[]])[] {
  const found = new Map<Digest, [LockedImage, ...LockedImage[]]>();
  for (const image of images) {
    const same = found.get(image.reference.digest);
    if (same === undefined) found.set(image.reference.digest, [image]);
    else same.push(image);
  }
  return [...found.values()];
}
