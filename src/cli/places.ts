/** Opens places as they are written on the command line. */
import { resolve } from "node:path";
import type { Repositories } from "../bundle/repositories.ts";
import { isLadingError, LadingError } from "../errors.ts";
import { type Digest, isDigest } from "../spec/digest.ts";
import {
  formatReference,
  isTag,
  parseReference,
  type Reference,
  repositoryName,
  withDigest,
} from "../spec/reference.ts";
import { MemoryStore } from "../stores/memory.ts";
import { formatPlace, type Place, parsePlace } from "../stores/place.ts";
import type { RegistryClient } from "../stores/registry/client.ts";
import type { Sink, Source } from "../stores/store.ts";
import { clientOptions, type RegistryFlags } from "./client-options.ts";
import type { Context } from "./command.ts";

export interface SourcePlace {
  readonly source: Source;
  /** What to resolve there; empty for the only image. */
  readonly reference: string;
  /** As the user may write it again. */
  readonly name: string;
  /** The same place without tag and digest. */
  readonly repository: string;
  /** The name that a copy takes along; undefined when the image was named by digest, or not at all. */
  readonly tag: string | undefined;
  nameOf(digest: Digest): string;
}

export interface SinkPlace {
  readonly sink: Sink;
  /** The name that was asked for. */
  readonly tag: string | undefined;
  /** What an image from there is called here when no name was asked for. */
  tagFor(from: SourcePlace): string | undefined;
  nameOf(digest: Digest): string;
}

type FilePlace = Exclude<Place, { kind: "registry" }>;

/** The places of one command. Registries share one client; all is closed in the end. */
export class Places implements AsyncDisposable {
  readonly #flags: RegistryFlags;
  readonly #context: Context;
  readonly #open: AsyncDisposable[] = [];
  readonly #named = new Set<string>();
  readonly #registries = new Set<string>();
  #client: Promise<RegistryClient> | undefined;

  constructor(flags: RegistryFlags, context: Context) {
    this.#flags = flags;
    this.#context = context;
  }

  /** @throws LadingError ERR_LADING_REFERENCE, ERR_LADING_NOT_FOUND for a folder or file that is not there */
  async source(text: string): Promise<SourcePlace> {
    const place = parsePlace(text);
    if (place.kind === "registry") return await this.#registrySource(place.reference);
    return filePlace(await this.#localSource(place), place);
  }

  /** Every image of an archive: by its names, or the only one. */
  async archive(path: string): Promise<SourcePlace[]> {
    const place = { kind: "oci-archive", path, reference: "" } as const;
    const source = await this.#openArchive(path, path);
    const names: string[] = [];
    for await (const name of source.tags({ signal: this.#context.signal })) names.push(name);
    if (names.length === 0) return [filePlace(source, place)];
    return names.map((name) => filePlace(source, { ...place, reference: name }));
  }

  /** @param plan nothing will be written: nothing is made, either */
  async sink(text: string, { plan }: { readonly plan: boolean }): Promise<SinkPlace> {
    const place = parsePlace(text);
    if (place.kind === "registry") return await this.#registrySink(place.reference, text);
    const sink = await (plan ? this.#plannedSink(place) : this.#localSink(place));
    if (isDigest(place.reference)) throw digestRefused(text);
    return {
      sink,
      tag: place.reference || undefined,
      // What docker load reads is called by whole references.
      tagFor: (from) => (place.kind === "docker-archive" ? from.name : from.tag),
      nameOf: (digest) => formatPlace({ ...place, reference: digest }),
    };
  }

  /** A repository in a registry, for `--to-repo`: a tag is allowed, another place is not. */
  async repository(text: string): Promise<SinkPlace> {
    return await this.#registrySink(parseReference(text), text);
  }

  async #registrySource(reference: Reference): Promise<SourcePlace> {
    const source = (await this.client(reference.registry)).repository(reference);
    return {
      source,
      reference: reference.digest ?? reference.tag ?? "latest",
      name: formatReference(reference),
      repository: repositoryName(reference),
      tag: reference.digest === undefined ? (reference.tag ?? "latest") : reference.tag,
      nameOf: (digest) => formatReference(withDigest(reference, digest)),
    };
  }

  async #registrySink(reference: Reference, text: string): Promise<SinkPlace> {
    if (reference.digest !== undefined) throw digestRefused(text);
    return {
      sink: (await this.client(reference.registry)).repository(reference),
      tag: reference.tag,
      tagFor: ({ tag }) => shortTag(tag),
      nameOf: (digest) => formatReference(withDigest(reference, digest)),
    };
  }

  /** The one client of this command; made when the first registry is needed. @param registry one that the call names */
  client(registry: string): Promise<RegistryClient> {
    this.#named.add(registry);
    this.#registries.add(registry);
    return this.#sharedClient();
  }

  /** All registries, for references that documents hold: they get no credentials from flags (`CallRegistries`). */
  repositories(): Repositories {
    return {
      open: async (location) => {
        this.#registries.add(location.registry);
        return (await this.#sharedClient()).repository(location);
      },
    };
  }

  /** Makes the client: what is wrong with the flags for registries shows now. */
  async prepare(): Promise<void> {
    await this.#sharedClient();
  }

  #sharedClient(): Promise<RegistryClient> {
    this.#client ??= import("../stores/registry/client.ts").then(({ createRegistryClient }) => {
      const client = createRegistryClient(
        clientOptions(this.#flags, this.#context, { named: this.#named, all: this.#registries }),
      );
      this.#open.push(client);
      return client;
    });
    return this.#client;
  }

  async #localSource(place: FilePlace): Promise<Source> {
    const label = formatPlace({ ...place, reference: "" });
    if (place.kind !== "layout") return await this.#openArchive(place.path, label);
    const { openLayout } = await import("../stores/layout/open.ts");
    return this.keep(await openLayout(this.#absolute(place.path), { label }));
  }

  async #openArchive(path: string, label: string): Promise<Source> {
    const { openArchive } = await import("../stores/archive/open.ts");
    return this.keep(await openArchive(this.#absolute(path), { label }));
  }

  async #localSink(place: FilePlace): Promise<Sink> {
    const path = this.#absolute(place.path);
    const label = formatPlace({ ...place, reference: "" });
    switch (place.kind) {
      case "layout": {
        const { openLayout } = await import("../stores/layout/open.ts");
        return this.keep(await openLayout(path, { create: true, label }));
      }
      case "oci-archive": {
        const { createOciArchive } = await import("../stores/archive/archive-writer.ts");
        return this.keep(await createOciArchive(path, { label }));
      }
      case "docker-archive": {
        const { createDockerArchive } = await import("../stores/archive/archive-writer.ts");
        return this.keep(await createDockerArchive(path, { label }));
      }
    }
  }

  /** What is there, if anything; an archive is always written anew. */
  async #plannedSink(place: FilePlace): Promise<Sink> {
    const label = formatPlace({ ...place, reference: "" });
    if (place.kind !== "layout") return new MemoryStore(label);
    try {
      const { openLayout } = await import("../stores/layout/open.ts");
      return await openLayout(this.#absolute(place.path), { label });
    } catch (error) {
      if (isLadingError(error) && error.code === "ERR_LADING_NOT_FOUND") return new MemoryStore(label);
      throw error;
    }
  }

  #absolute(path: string): string {
    return resolve(this.#context.environment.cwd, path);
  }

  /** Closes it in the end. */
  keep<T extends AsyncDisposable>(store: T): T {
    this.#open.push(store);
    return store;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const each of this.#open.reverse()) await each[Symbol.asyncDispose]();
  }
}

function filePlace(source: Source, place: FilePlace): SourcePlace {
  const { reference } = place;
  return {
    source,
    reference,
    name: formatPlace(place),
    repository: formatPlace({ ...place, reference: "" }),
    tag: reference === "" || isDigest(reference) ? undefined : reference,
    nameOf: (digest) => formatPlace({ ...place, reference: digest }),
  };
}

function digestRefused(text: string): LadingError {
  return new LadingError("ERR_LADING_REFERENCE", `a destination has no digest: '${text}'`, {
    hint: "the content decides the digest; write a tag or nothing",
  });
}

/** The tag within a name: archives may call an image by its whole reference. */
export function shortTag(name: string | undefined): string | undefined {
  if (name === undefined || isTag(name)) return name;
  try {
    return parseReference(name).tag;
  } catch {
    return undefined;
  }
}
