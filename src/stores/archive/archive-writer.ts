import type { Body } from "../../bytes/body.ts";
import { collect } from "../../bytes/collect.ts";
import { observe } from "../../bytes/stream.ts";
import { verifyBytes } from "../../bytes/verify.ts";
import { LadingError } from "../../errors.ts";
import type { Descriptor } from "../../spec/descriptor.ts";
import { type Digest, quote } from "../../spec/digest.ts";
import type { Node } from "../../spec/graph.ts";
import { formatLayoutIndex, type LayoutEntry } from "../../spec/layout-files.ts";
import { orAborted } from "../layout/blob-writer.ts";
import { Catalog, checkName, namesOf } from "../layout/catalog.ts";
import { withManifest, withName } from "../layout/entries.ts";
import { compareBytewise, selectReferrers } from "../referrer.ts";
import type { CallOptions, ReferrerOptions, Store, WriteOptions, Written } from "../store.ts";
import { ArchiveFile } from "./archive-file.ts";
import { dockerManifest, withDockerNames } from "./docker-manifest.ts";
import type { Region } from "./region.ts";

export interface CreateArchiveOptions extends CallOptions {
  /** For people. Default `oci-archive:<path>` or `docker-archive:<path>`. */
  readonly label?: string;
}

/**
 * Begins an archive that is an OCI image layout in a tar. It appears under its name with `commit`, whole; without it
 * nothing remains. Blobs may be written at the same time. The same content in the same order gives the same bytes.
 * @throws LadingError ERR_LADING_CONFLICT when another process writes the same archive, ERR_LADING_STORE
 */
export async function createOciArchive(
  path: string,
  options: CreateArchiveOptions = {},
): Promise<ArchiveWriter> {
  const label = options.label ?? `oci-archive:${path}`;
  return new ArchiveWriter(await ArchiveFile.create(path, label, options.signal), "oci");
}

/**
 * Begins an archive that `docker load` and everything that reads `docker save` takes: an OCI image layout, so that every
 * digest stays, and a `manifest.json` that points into it, as docker writes since 25. Of a multi-platform image the
 * `manifest.json` shows one platform (linux/amd64 where there is one); names that are no `repository:tag` show only in
 * the layout.
 * @throws LadingError as `createOciArchive`
 */
export async function createDockerArchive(
  path: string,
  options: CreateArchiveOptions = {},
): Promise<ArchiveWriter> {
  const label = options.label ?? `docker-archive:${path}`;
  return new ArchiveWriter(await ArchiveFile.create(path, label, options.signal), "docker");
}

/** An archive on its way. What was written can be read back until `commit`. */
export class ArchiveWriter implements Store {
  readonly label: string;
  /** Blobs lie in the order in which their writes began. */
  readonly ordered = true;
  readonly #file: ArchiveFile;
  readonly #form: "oci" | "docker";
  readonly #catalog: Catalog;
  #entries: readonly LayoutEntry[] = [];
  /** Changes of the entries, one after the other. */
  #changing: Promise<unknown> = Promise.resolve();

  constructor(file: ArchiveFile, form: "oci" | "docker") {
    this.label = file.label;
    this.#file = file;
    this.#form = form;
    this.#catalog = new Catalog((descriptor) => this.#read(descriptor));
  }

  #complete(descriptor: Descriptor): Region | undefined {
    const region = this.#file.regions.get(descriptor.digest);
    return region?.complete && region.size === descriptor.size ? region : undefined;
  }

  async #read(descriptor: Descriptor): Promise<Uint8Array | undefined> {
    const region = this.#complete(descriptor);
    if (region === undefined) return undefined;
    const bytes = await collect(this.#file.read(region, 0), region.size, descriptor.digest);
    return verifyBytes(bytes, descriptor, this.label);
  }

  async resolve(reference: string, options: CallOptions = {}): Promise<Descriptor> {
    options.signal?.throwIfAborted();
    const found = await this.#catalog.resolve(this.#entries, reference, this.label);
    if (found !== undefined) return found;
    throw this.#notFound(reference === "" ? "an image" : quote(reference));
  }

  body(node: Node): Body {
    const { descriptor } = node;
    return {
      size: descriptor.size,
      open: async ({ offset, signal }) => {
        const region = this.#complete(descriptor);
        if (region === undefined) throw this.#notFound(descriptor.digest);
        return this.#file.read(region, offset, signal);
      },
    };
  }

  async *tags(): AsyncGenerator<string> {
    yield* namesOf(this.#entries);
  }

  async *referrers(subject: Digest, options: ReferrerOptions = {}): AsyncGenerator<Descriptor> {
    yield* selectReferrers(await this.#catalog.referrers(this.#entries, subject), options.artifactType);
  }

  /** True for what this run has written, and for blobs that a killed run of the same archive left whole. */
  async has(node: Node, options: CallOptions = {}): Promise<boolean> {
    options.signal?.throwIfAborted();
    const region = this.#complete(node.descriptor);
    if (region === undefined) return false;
    if (node.kind === "manifest") {
      if ((await this.#catalog.find(this.#entries, node.descriptor.digest)) === undefined) return false;
    }
    region.wanted = true;
    return true;
  }

  async write(node: Node, body: Body, options: WriteOptions = {}): Promise<Written> {
    const { descriptor } = node;
    const { signal } = options;
    signal?.throwIfAborted();
    const region = this.#file.reserve(descriptor.digest, descriptor.size);
    region.wanted = true;
    while (region.writing !== undefined) await orAborted(region.writing, signal);
    signal?.throwIfAborted();
    const present = region.complete;
    if (!present) {
      const writing = this.#fill(region, descriptor, body, options).finally(() => {
        region.writing = undefined;
      });
      region.writing = writing;
      await writing;
    }
    if (node.kind === "manifest") {
      await this.#change((entries) => withManifest(entries, descriptor, this.#catalog));
    }
    return present ? "present" : "written";
  }

  async #fill(region: Region, descriptor: Descriptor, body: Body, options: WriteOptions): Promise<void> {
    const { signal, on } = options;
    on?.({ type: "started", descriptor, to: this.label, offset: 0 });
    const stream = await body.open({ offset: 0, ...(signal === undefined ? {} : { signal }) });
    const seen = observe(stream, () => signal?.throwIfAborted());
    await this.#file.fill(region, seen, (bytes) =>
      on?.({ type: "progress", descriptor, to: this.label, bytes }),
    );
    signal?.throwIfAborted();
  }

  async tag(target: Descriptor, name: string, options: CallOptions = {}): Promise<void> {
    options.signal?.throwIfAborted();
    checkName(name, this.label);
    const region = this.#complete(target);
    if (region === undefined) throw this.#notFound(target.digest);
    region.wanted = true;
    await this.#change((entries) => withName(entries, target, name, this.#catalog));
  }

  #change(change: (entries: readonly LayoutEntry[]) => Promise<readonly LayoutEntry[]>): Promise<void> {
    const changed = this.#changing.then(async () => {
      this.#entries = await change(this.#entries);
    });
    this.#changing = changed.catch(() => {});
    return changed;
  }

  async commit(options: CallOptions = {}): Promise<void> {
    options.signal?.throwIfAborted();
    await this.#changing;
    const documents = new Map<string, Uint8Array>();
    const entries = [...this.#entries].sort(byName);
    const listed = this.#form === "docker" ? entries.map(withDockerNames) : entries;
    documents.set("index.json", formatLayoutIndex({ entries: listed.map(({ json }) => json) }));
    if (this.#form === "docker") {
      const content = {
        read: (descriptor: Descriptor) => this.#read(descriptor),
        has: (descriptor: Descriptor) => this.#complete(descriptor) !== undefined,
      };
      documents.set("manifest.json", await dockerManifest(entries, content));
    }
    await this.#file.commit(documents, options.signal);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#file.close();
  }

  #notFound(what: string): LadingError {
    return new LadingError("ERR_LADING_NOT_FOUND", `${what} is not in ${this.label}`, { place: this.label });
  }
}

/** An order that does not depend on which write ended first: names, then what has none. */
function byName(a: LayoutEntry, b: LayoutEntry): number {
  if (a.name !== undefined && b.name !== undefined) return compareBytewise(a.name, b.name);
  if (a.name !== undefined || b.name !== undefined) return a.name === undefined ? 1 : -1;
  return compareBytewise(a.descriptor.digest, b.descriptor.digest);
}
