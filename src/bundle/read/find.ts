import type { Gate } from "../../copy/together.ts";
import { DigestMismatchError, isLadingError, LadingError } from "../../errors.ts";
import type { Descriptor } from "../../spec/descriptor.ts";
import type { ImageManifest } from "../../spec/manifest.ts";
import type { RepositoryLocation, Source } from "../../stores/store.ts";
import type { LocatedImage, LockedImage } from "../documents/model.ts";
import { lockName, lockRepositoryName, type PinnedReference, pinnedIn } from "../documents/names.ts";
import type { Repositories } from "../repositories.ts";
import { during } from "../steps.ts";
import { readImage } from "./image.ts";

export interface FindOptions {
  readonly signal: AbortSignal;
  /** Whether to learn which images are bundles. */
  readonly kinds: boolean;
  readonly missing: "fail" | "assume-origin";
}

/** An image where it was found, or is said to be. */
export interface FoundImage {
  readonly locked: LockedImage;
  readonly reference: PinnedReference;
  readonly source: Source;
  readonly descriptor: Descriptor | undefined;
  /** Set when it is a bundle. */
  readonly bundle?: { readonly descriptor: Descriptor; readonly manifest: ImageManifest };
}

type Seen = Pick<FoundImage, "bundle"> & { readonly descriptor: Descriptor };

const absent: ReadonlySet<string> = new Set([
  "ERR_LADING_NOT_FOUND",
  "ERR_LADING_UNAUTHORIZED",
  "ERR_LADING_DENIED",
]);

/** Finds images of bundles: where a locations image says, beside the bundle, or at the origin. Asks nothing twice. */
export class ImageFinder {
  readonly #repositories: Repositories<Source>;
  readonly #gate: Gate;
  readonly #options: FindOptions;
  readonly #sources = new Map<string, Promise<Source>>();
  readonly #seen = new Map<string, Promise<Seen>>();

  /** @param root what is read as the source of its repository */
  constructor(
    root: { readonly reference: RepositoryLocation; readonly source: Source },
    repositories: Repositories<Source>,
    gate: Gate,
    options: FindOptions,
  ) {
    this.#repositories = repositories;
    this.#gate = gate;
    this.#options = options;
    this.#sources.set(lockRepositoryName(root.reference), Promise.resolve(root.source));
  }

  /**
   * @param locked the image under all names that the lock has for its digest
   * @param beside the bundle whose lock it is
   * @param located what the bundle's locations image says about it
   */
  async find(
    locked: readonly [LockedImage, ...LockedImage[]],
    beside: RepositoryLocation,
    located: LocatedImage | undefined,
  ): Promise<FoundImage> {
    if (located !== undefined) return await this.#atLocation(locked[0], beside, located);
    return await during("Checking image existence", () => this.#search(locked, beside));
  }

  async #atLocation(
    locked: LockedImage,
    { registry, repository: own }: RepositoryLocation,
    { isBundle, repository = own }: LocatedImage,
  ): Promise<FoundImage> {
    const reference = pinnedIn({ registry, repository }, locked.reference.digest);
    const source = await this.#open(reference);
    if (!isBundle || !this.#options.kinds) return { locked, reference, source, descriptor: undefined };
    try {
      return { locked, reference, source, ...(await this.#look(reference)) };
    } catch (error) {
      if (!isLadingError(error) || error.code !== "ERR_LADING_NOT_FOUND") throw error;
      throw new LadingError(
        "ERR_LADING_NOT_FOUND",
        `the locations image of the bundle says that ${locked.image} is at ${lockName(reference)}, and it is not there`,
        { place: source.label, hint: "copy the bundle there again, from where it is whole", cause: error },
      );
    }
  }

  /** In the bundle's repository, and then where the lock says. */
  async #search(
    locked: readonly [LockedImage, ...LockedImage[]],
    bundle: RepositoryLocation,
  ): Promise<FoundImage> {
    const [first] = locked;
    const { kinds, missing } = this.#options;
    const near = pinnedIn(bundle, first.reference.digest);
    const beside = await this.#lookAt(first, near);
    if (!isLadingError(beside)) return beside;
    let problem = beside;
    if (missing === "assume-origin" && !absent.has(beside.code)) throw beside;
    if (missing === "assume-origin" && !kinds) return await this.#assumed(first);
    for (const origin of locked) {
      if (lockRepositoryName(origin.reference) === lockRepositoryName(near)) continue;
      const found = await this.#lookAt(origin, origin.reference);
      if (!isLadingError(found)) return found;
      // That it is nowhere else is no news where it lies damaged beside the bundle.
      if (absent.has(problem.code)) problem = found;
    }
    if (missing === "assume-origin") return await this.#assumed(first);
    throw problem;
  }

  async #assumed(locked: LockedImage): Promise<FoundImage> {
    const { reference } = locked;
    return { locked, reference, source: await this.#open(reference), descriptor: undefined };
  }

  /** What is there, or why it is not. */
  async #lookAt(locked: LockedImage, reference: PinnedReference): Promise<FoundImage | LadingError> {
    try {
      const source = await this.#open(reference);
      return { locked, reference, source, ...(await this.#look(reference)) };
    } catch (error) {
      this.#options.signal.throwIfAborted();
      if (isLadingError(error)) return error;
      throw error;
    }
  }

  #look(reference: PinnedReference): Promise<Seen> {
    const name = lockName(reference);
    const known = this.#seen.get(name);
    if (known !== undefined) return known;
    const looking = this.#gate(async () => this.#see(await this.#open(reference), reference));
    this.#seen.set(name, looking);
    return looking;
  }

  async #see(source: Source, { digest }: PinnedReference): Promise<Seen> {
    const call = { signal: this.#options.signal };
    call.signal.throwIfAborted();
    const descriptor = await source.resolve(digest, call);
    if (descriptor.digest !== digest) {
      throw new DigestMismatchError(digest, descriptor.digest, { place: source.label });
    }
    if (!this.#options.kinds) return { descriptor };
    const { manifest, isBundle } = await readImage(source, descriptor, call);
    return manifest.kind === "image" && isBundle
      ? { descriptor, bundle: { descriptor, manifest } }
      : { descriptor };
  }

  #open(location: RepositoryLocation): Promise<Source> {
    const { registry, repository } = location;
    const name = lockRepositoryName(location);
    const known = this.#sources.get(name);
    if (known !== undefined) return known;
    const opening = this.#repositories.open({ registry, repository });
    this.#sources.set(name, opening);
    return opening;
  }
}
