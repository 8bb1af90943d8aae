import type { Body } from "../../bytes/body.ts";
import { LadingError, systemCode } from "../../errors.ts";
import type { Descriptor } from "../../spec/descriptor.ts";
import { type Algorithm, type Digest, quote } from "../../spec/digest.ts";
import type { Node } from "../../spec/graph.ts";
import type { LayoutEntry } from "../../spec/layout-files.ts";
import { selectReferrers } from "../referrer.ts";
import type {
  CallOptions,
  ReferrerOptions,
  RepositoryStore,
  Upload,
  WriteOptions,
  Written,
} from "../store.ts";
import { storeError } from "../store-error.ts";
import { BlobFiles } from "./blob-files.ts";
import { BlobWriter } from "./blob-writer.ts";
import { Catalog, checkName, namesOf } from "./catalog.ts";
import { withManifest, withName, withoutManifest, withoutName } from "./entries.ts";
import { collectGarbage, type GarbageOptions, type GarbageReport } from "./gc.ts";
import { IndexFile } from "./index-file.ts";
import { type UploadInfo, Uploads } from "./uploads.ts";
import { type VerifyOptions, type VerifyReport, verifyLayout } from "./verify.ts";

export interface LayoutStoreOptions {
  /** For people. Default `oci:<folder>`. */
  readonly label?: string;
  /** How long to wait for another process that changes `index.json`. Default 30,000 ms. */
  readonly lockWaitMs?: number;
}

/**
 * An OCI image layout on disk. Several processes may read and write one at the same time. `openLayout` makes it.
 */
export class LayoutStore implements RepositoryStore {
  readonly label: string;
  /** The folder, as it was given. */
  readonly folder: string;
  readonly #index: IndexFile;
  readonly #files: BlobFiles;
  readonly #writer: BlobWriter;
  readonly #uploads: Uploads;
  readonly #catalog: Catalog;

  constructor(folder: string, options: LayoutStoreOptions = {}) {
    this.folder = folder;
    this.label = options.label ?? `oci:${folder}`;
    this.#index = new IndexFile(folder, this.label, options.lockWaitMs);
    this.#files = new BlobFiles(folder, this.label);
    this.#writer = new BlobWriter(this.#files, this.label);
    this.#uploads = new Uploads(this.#files, this.label);
    this.#catalog = new Catalog((descriptor) => this.#files.read(descriptor));
  }

  async resolve(reference: string, options: CallOptions = {}): Promise<Descriptor> {
    options.signal?.throwIfAborted();
    const found = await this.#catalog.resolve(await this.#index.entries(), reference, this.label);
    // A sparse layout may list what it does not hold. A name still stands for it; a digest asks for the thing itself.
    if (found !== undefined && (reference !== found.digest || (await this.#holds(found)))) return found;
    throw this.#notFound(reference === "" ? "an image" : quote(reference));
  }

  body(node: Node): Body {
    return this.#files.body(node.descriptor);
  }

  async *tags(): AsyncGenerator<string> {
    yield* namesOf(await this.#index.entries());
  }

  async *referrers(subject: Digest, options: ReferrerOptions = {}): AsyncGenerator<Descriptor> {
    const found = await this.#catalog.referrers(await this.#index.entries(), subject);
    for (const each of selectReferrers(found, options.artifactType)) {
      if ((await this.#files.size(each.digest)) !== undefined) yield each;
    }
  }

  async *manifests(): AsyncGenerator<Descriptor> {
    for (const descriptor of await this.#catalog.all(await this.#index.entries())) {
      if (await this.#holds(descriptor)) yield descriptor;
    }
  }

  async #holds({ digest, size }: Descriptor): Promise<boolean> {
    return (await this.#files.size(digest)) === size;
  }

  /** Bytes of a blob that is here. */
  async blobSize(digest: Digest): Promise<number | undefined> {
    return this.#files.size(digest);
  }

  /** A manifest is here when it is a file of its size *and* known as a manifest; a blob when it is such a file. */
  async has(node: Node, options: CallOptions = {}): Promise<boolean> {
    options.signal?.throwIfAborted();
    const { digest } = node.descriptor;
    if (!(await this.#holds(node.descriptor))) return false;
    if (node.kind === "blob") {
      await this.#files.freshen(digest);
      return true;
    }
    return (await this.#catalog.find(await this.#index.entries(), digest)) !== undefined;
  }

  async write(node: Node, body: Body, options: WriteOptions = {}): Promise<Written> {
    const { descriptor } = node;
    for (let attempt = 0; ; attempt++) {
      const written = await this.#writer.write(descriptor, body, options);
      if (node.kind === "blob") return written;
      options.signal?.throwIfAborted();
      if (await this.#register(descriptor)) return written;
      // Taken away between the writing and the listing: another process removed the same manifest.
      if (attempt === 3) throw this.#notFound(descriptor.digest);
    }
  }

  /** Lists a manifest that was written; false when its file is not there any more. */
  async #register(descriptor: Descriptor): Promise<boolean> {
    const entries = await this.#index.entries();
    if ((await withManifest(entries, descriptor, this.#catalog)) === entries) return true;
    return this.#index.update(async (current) => {
      const here = await this.#holds(descriptor);
      return {
        entries: here ? await withManifest(current, descriptor, this.#catalog) : current,
        value: here,
      };
    });
  }

  async tag(target: Descriptor, name: string, options: CallOptions = {}): Promise<void> {
    options.signal?.throwIfAborted();
    checkName(name, this.label);
    await this.#index.update(async (entries) => {
      if (!(await this.#holds(target))) throw this.#notFound(target.digest);
      return { entries: await withName(entries, target, name, this.#catalog), value: undefined };
    });
  }

  async untag(name: string, options: CallOptions = {}): Promise<boolean> {
    options.signal?.throwIfAborted();
    return this.#index.update(async (entries) => {
      const next = await withoutName(entries, name, this.#catalog);
      return { entries: next, value: next !== entries };
    });
  }

  async remove(node: Node, options: CallOptions = {}): Promise<boolean> {
    options.signal?.throwIfAborted();
    const { digest } = node.descriptor;
    const known = (entries: readonly LayoutEntry[]) => this.#catalog.find(entries, digest);
    if (node.kind === "blob") {
      // Blobs and manifests share the folder: a manifest is not a blob to be taken away.
      if ((await known(await this.#index.entries())) !== undefined) return false;
      return this.#files.remove(digest);
    }
    return this.#index.locked(async () => {
      const before = await this.#index.updateLocked(async (entries) => {
        const descriptor = await known(entries);
        if (descriptor === undefined) return { entries, value: undefined };
        return { entries: await withoutManifest(entries, descriptor, this.#catalog), value: descriptor };
      });
      // The list first: a manifest that is listed has to be there.
      return before !== undefined && (await this.#files.remove(digest));
    }, options.signal);
  }

  async startUpload(options: CallOptions & { readonly algorithm?: Algorithm } = {}): Promise<Upload> {
    options.signal?.throwIfAborted();
    return this.#uploads.start(options.algorithm ?? "sha256");
  }

  async resumeUpload(id: string, options: CallOptions = {}): Promise<Upload | undefined> {
    options.signal?.throwIfAborted();
    return this.#uploads.resume(id);
  }

  /** Uploads that were begun and not finished, with when bytes last came. */
  uploads(): AsyncIterable<UploadInfo> {
    return this.#uploads.list();
  }

  /** Discards uploads to which nothing came for so many milliseconds; resolves to how many. */
  async expireUploads(olderThanMs: number): Promise<number> {
    return this.#uploads.expire(olderThanMs);
  }

  /**
   * Takes a blob from another layout without moving bytes where the file system allows, else by a copy that is checked.
   * @throws LadingError ERR_LADING_NOT_FOUND when the other one lacks it
   */
  async linkBlob(from: LayoutStore, descriptor: Descriptor, options: WriteOptions = {}): Promise<Written> {
    options.signal?.throwIfAborted();
    const { digest } = descriptor;
    if (!(await from.#files.isTrusted(descriptor))) throw from.#notFound(digest);
    if (await this.#files.isTrusted(descriptor)) {
      await this.#files.freshen(digest);
      return "present";
    }
    try {
      await this.#files.adoptLink(from.#files.path(digest), digest);
      await this.#files.freshen(digest);
      return "mounted";
    } catch (error) {
      const code = systemCode(error) ?? "";
      if (code === "ENOENT") throw from.#notFound(digest);
      if (!["EXDEV", "EPERM", "EMLINK", "ENOTSUP", "EOPNOTSUPP"].includes(code)) {
        throw storeError(error, this.label, "cannot link a blob");
      }
      return this.#writer.write(descriptor, from.#files.body(descriptor), options);
    }
  }

  /** Removes blobs that nothing reaches. See `collectGarbage`. */
  async gc(options: GarbageOptions = {}): Promise<GarbageReport> {
    const parts = { index: this.#index, files: this.#files, catalog: this.#catalog, label: this.label };
    return collectGarbage(parts, options);
  }

  /** Hashes all content again. See `verifyLayout`. */
  async verify(options: VerifyOptions = {}): Promise<VerifyReport> {
    const parts = { index: this.#index, files: this.#files, catalog: this.#catalog, label: this.label };
    return verifyLayout(parts, options);
  }

  async commit(): Promise<void> {}

  async [Symbol.asyncDispose](): Promise<void> {}

  #notFound(what: string): LadingError {
    return new LadingError("ERR_LADING_NOT_FOUND", `${what} is not in ${this.label}`, { place: this.label });
  }
}
