import type { Body } from "../../bytes/body.ts";
import { verifyBytes } from "../../bytes/verify.ts";
import { inPlace, LadingError } from "../../errors.ts";
import type { Descriptor } from "../../spec/descriptor.ts";
import { algorithmOf, type Digest, hexOf, quote } from "../../spec/digest.ts";
import type { Node } from "../../spec/graph.ts";
import { checkLayoutFile, type LayoutEntry, parseLayoutIndex } from "../../spec/layout-files.ts";
import { limits } from "../../spec/limits.ts";
import { Catalog, namesOf } from "../layout/catalog.ts";
import { selectReferrers } from "../referrer.ts";
import type { CallOptions, ReferrerOptions, Source } from "../store.ts";
import type { TarFile } from "./tar-file.ts";

/** A file's name in a layout. */
export function blobName(digest: Digest): string {
  return `blobs/${algorithmOf(digest)}/${hexOf(digest)}`;
}

/** An OCI image layout in a tar, for reading. */
export class OciArchive implements Source, AsyncDisposable {
  readonly label: string;
  readonly #tar: TarFile;
  readonly #entries: readonly LayoutEntry[];
  readonly #catalog: Catalog;

  constructor(tar: TarFile, entries: readonly LayoutEntry[], label: string) {
    this.label = label;
    this.#tar = tar;
    this.#entries = entries;
    this.#catalog = new Catalog((descriptor) => this.#read(descriptor));
  }

  /** @throws LadingError ERR_LADING_DOCUMENT, ERR_LADING_LIMIT */
  static async open(tar: TarFile, label: string): Promise<OciArchive> {
    const layout = await tar.read("oci-layout", 4096);
    const bytes = await tar.read("index.json", limits.layoutIndexBytes);
    const index = inPlace(label, () => {
      checkLayoutFile(layout);
      return parseLayoutIndex(bytes);
    });
    return new OciArchive(tar, index.entries, label);
  }

  async #read(descriptor: Descriptor): Promise<Uint8Array | undefined> {
    if (this.#tar.size(blobName(descriptor.digest)) !== descriptor.size) return undefined;
    const bytes = await this.#tar.read(blobName(descriptor.digest), descriptor.size);
    try {
      return verifyBytes(bytes, descriptor, this.label);
    } catch {
      return undefined;
    }
  }

  async resolve(reference: string, options: CallOptions = {}): Promise<Descriptor> {
    options.signal?.throwIfAborted();
    const found = await this.#catalog.resolve(this.#entries, reference, this.label);
    if (found !== undefined) return found;
    const what = reference === "" ? "an image" : quote(reference);
    throw new LadingError("ERR_LADING_NOT_FOUND", `${what} is not in ${this.label}`, { place: this.label });
  }

  body(node: Node): Body {
    const { digest, size } = node.descriptor;
    // The tar's own size, so that content of the wrong size is seen as that and not as absent.
    return { size, open: async (from) => this.#tar.body(blobName(digest)).open(from) };
  }

  async has(node: Node): Promise<boolean> {
    return this.#tar.size(blobName(node.descriptor.digest)) === node.descriptor.size;
  }

  async *tags(): AsyncGenerator<string> {
    yield* namesOf(this.#entries);
  }

  async *referrers(subject: Digest, options: ReferrerOptions = {}): AsyncGenerator<Descriptor> {
    yield* selectReferrers(await this.#catalog.referrers(this.#entries, subject), options.artifactType);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#tar.close();
  }
}
