import { type Body, bodyOf } from "../../bytes/body.ts";
import { LadingError } from "../../errors.ts";
import type { Descriptor } from "../../spec/descriptor.ts";
import { type Digest, isDigest, quote } from "../../spec/digest.ts";
import type { Node } from "../../spec/graph.ts";
import { firstBytes, type OpenTarOptions, openTarFile, type TarFile } from "../../stores/archive/tar-file.ts";
import { compareBytewise, selectReferrers } from "../../stores/referrer.ts";
import type { CallOptions, ReferrerOptions, Source } from "../../stores/store.ts";
import { documentLimit, documentName, layerName } from "./document.ts";
import { parseTarDocument, type TarDocument, type TarRoot } from "./read-document.ts";

export type { TarRoot } from "./read-document.ts";

/** The label of the one root that is the bundle which was copied. */
export const rootBundleLabel = "dev.carvel.imgpkg.copy.root-bundle";

/** A tar that `copy --to-tar` wrote, ours or imgpkg's. Close it by `Symbol.asyncDispose`. */
export interface BundleTar extends Source, AsyncDisposable {
  /** What was asked for when it was written, in the recorded order. */
  readonly roots: readonly TarRoot[];
  /** Layers that it lacks on purpose: who receives it has them. */
  readonly leftOut: ReadonlySet<Digest>;
  /** Whether it has this layer, in the right size. */
  hasLayer(layer: Descriptor): boolean;
  has(node: Node): Promise<boolean>;
}

/**
 * Opens a tar of imgpkg, also one that was compressed with gzip or zstd since. The layers are not read.
 * @throws LadingError ERR_LADING_NOT_FOUND, ERR_LADING_ARCHIVE (no tar, cut short, no `manifest.json`),
 * ERR_LADING_DOCUMENT, ERR_LADING_LIMIT, ERR_LADING_STORE, DigestMismatchError, SizeMismatchError
 */
export async function openTar(path: string, options: OpenTarOptions = {}): Promise<BundleTar> {
  const tar = await openTarFile(path, path, options);
  try {
    if (tar.size(documentName) === undefined) throw notOfImgpkg(path);
    if (tar.isRepeated(documentName)) {
      throw new LadingError("ERR_LADING_ARCHIVE", `${path} has more than one ${documentName}`, {
        place: path,
        hint: "programs would read it in different ways; write the tar again",
      });
    }
    const bytes = await tar.read(documentName, documentLimit);
    return new OpenedTar(tar, parseTarDocument(bytes, path), path);
  } catch (error) {
    await tar.close();
    throw error;
  }
}

/** Whether the file at the path is a tar of imgpkg, and not an archive of docker or of an OCI layout. */
export async function isImgpkgTar(path: string, options: OpenTarOptions = {}): Promise<boolean> {
  const tar = await openTarFile(path, path, options);
  try {
    if (tar.size(documentName) === undefined || tar.size("oci-layout") !== undefined) return false;
    const start = (await firstBytes(tar.body(documentName), 1024)).toString("latin1");
    return /^\s*(?:null|\[\s*(?:\]|\{\s*"(?:ImageIndex|Image)"))/.test(start);
  } finally {
    await tar.close();
  }
}

class OpenedTar implements BundleTar {
  readonly label: string;
  readonly roots: readonly TarRoot[];
  readonly leftOut: ReadonlySet<Digest>;
  readonly #tar: TarFile;
  readonly #document: TarDocument;

  constructor(tar: TarFile, document: TarDocument, label: string) {
    this.label = label;
    this.roots = document.roots;
    this.leftOut = document.leftOut;
    this.#tar = tar;
    this.#document = document;
  }

  async resolve(reference: string, options: CallOptions = {}): Promise<Descriptor> {
    options.signal?.throwIfAborted();
    if (isDigest(reference)) {
      const found = this.#document.manifests.get(reference);
      if (found !== undefined) return found.descriptor;
      throw this.#notFound(reference);
    }
    const candidates = new Map<Digest, Descriptor>();
    for (const { tag, descriptor } of this.roots) {
      if (reference === "" || tag === reference) candidates.set(descriptor.digest, descriptor);
    }
    const [first] = candidates.values();
    const what = reference === "" ? "an image" : quote(reference);
    if (first === undefined) throw this.#notFound(what);
    if (candidates.size === 1) return first;
    throw new LadingError("ERR_LADING_REFERENCE", `${what} is one of ${candidates.size} in ${this.label}`, {
      place: this.label,
      hint: "name one by its digest",
    });
  }

  body(node: Node): Body {
    const { size } = node.descriptor;
    return { size, open: async (from) => this.#find(node).open(from) };
  }

  #find({ kind, descriptor: { digest } }: Node): Body {
    const { manifests, configs } = this.#document;
    const bytes = kind === "manifest" ? manifests.get(digest)?.bytes : configs.get(digest);
    if (bytes !== undefined) return bodyOf(bytes);
    if (kind === "manifest") throw this.#notFound(digest);
    const name = layerName(digest);
    // The tar's own size, so that content of the wrong size is seen as that and not as absent.
    if (this.#tar.size(name) !== undefined) return this.#tar.body(name);
    if (this.leftOut.has(digest)) {
      throw new LadingError("ERR_LADING_NOT_FOUND", `the layer ${digest} was left out of the tar`, {
        place: this.label,
        hint: "the tar is for a place that has the layer already: copy it there, or write the tar again with all layers",
      });
    }
    throw new LadingError("ERR_LADING_NOT_FOUND", `file ${name} not found in tar`, {
      place: this.label,
      hint: "This may be because when copying to a tarball, the --include-non-distributable-layers flag should have been provided.",
    });
  }

  hasLayer({ digest, size }: Descriptor): boolean {
    return this.#tar.size(layerName(digest)) === size;
  }

  async has({ kind, descriptor }: Node): Promise<boolean> {
    const { digest, size } = descriptor;
    const { manifests, configs } = this.#document;
    if (kind === "manifest") return manifests.get(digest)?.descriptor.size === size;
    return configs.get(digest)?.byteLength === size || this.hasLayer(descriptor);
  }

  /** Tags that stand for one image. */
  async *tags(): AsyncGenerator<string> {
    const digests = new Map<string, Set<Digest>>();
    for (const { tag, descriptor } of this.roots) {
      if (tag !== "") digests.set(tag, (digests.get(tag) ?? new Set()).add(descriptor.digest));
    }
    const unique = [...digests].flatMap(([tag, found]) => (found.size === 1 ? [tag] : []));
    yield* unique.sort(compareBytewise);
  }

  async *referrers(subject: Digest, options: ReferrerOptions = {}): AsyncGenerator<Descriptor> {
    yield* selectReferrers(this.#document.referrers.get(subject) ?? [], options.artifactType);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#tar.close();
  }

  #notFound(what: string): LadingError {
    return new LadingError("ERR_LADING_NOT_FOUND", `${what} is not in ${this.label}`, { place: this.label });
  }
}

function notOfImgpkg(path: string): LadingError {
  return new LadingError("ERR_LADING_ARCHIVE", `${path} has no ${documentName}`, {
    place: path,
    hint: "it is no tar that `copy --to-tar` has written",
  });
}
