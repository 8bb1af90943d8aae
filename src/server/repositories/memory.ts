import type { Descriptor } from "../../spec/descriptor.ts";
import type { Digest } from "../../spec/digest.ts";
import { mediaTypes } from "../../spec/media-type.ts";
import { MemoryStore } from "../../stores/memory.ts";
import { compareBytewise } from "../../stores/referrer.ts";
import type { Collected } from "../collected.ts";
import { mark } from "./mark.ts";
import { type CollectOptions, type Repositories, Repository, type RepositoryContent } from "./repository.ts";

/** Repositories that live as long as the process: for tests, and for content on its way. */
export function memoryRepositories(): Repositories {
  const repositories = new Map<string, Repository>();
  return {
    label: "memory",
    find: async (name) => repositories.get(name),
    open: async (name) => {
      const known = repositories.get(name);
      if (known !== undefined) return known;
      const repository = new Repository(name, new MemoryContent(name));
      repositories.set(name, repository);
      return repository;
    },
    async *names() {
      yield* [...repositories.keys()].sort(compareBytewise);
    },
    close: async () => {},
  };
}

class MemoryContent implements RepositoryContent {
  readonly store: MemoryStore;
  /** When each blob or manifest was last used, in milliseconds since 1970. */
  readonly #used = new Map<Digest, number>();

  constructor(name: string) {
    this.store = new MemoryStore(name);
  }

  async blobSize(digest: Digest): Promise<number | undefined> {
    return this.store.blobSize(digest);
  }

  async used(blob: Descriptor): Promise<void> {
    this.#used.set(blob.digest, Date.now());
  }

  async link(): Promise<boolean> {
    return false;
  }

  /** Sessions know all uploads that there are, and expire them. */
  async expireUploads(): Promise<number> {
    return 0;
  }

  async collect(options: CollectOptions): Promise<Collected> {
    const { store } = this;
    const before = Date.now() - options.graceMs;
    for (const [digest, time] of this.#used) if (time <= before) this.#used.delete(digest);
    const kept = await mark(store, options.untaggedManifests);
    const collected = { manifests: 0, blobs: 0, bytes: 0 };
    for await (const descriptor of store.manifests()) {
      if (kept.has(descriptor.digest) || this.#used.has(descriptor.digest)) continue;
      await store.remove({ kind: "manifest", descriptor });
      collected.manifests++;
      collected.bytes += descriptor.size;
    }
    for (const digest of store.blobs()) {
      if (kept.has(digest) || this.#used.has(digest)) continue;
      const size = store.blobSize(digest) ?? 0;
      await store.remove({ kind: "blob", descriptor: { mediaType: mediaTypes.octetStream, digest, size } });
      collected.blobs++;
      collected.bytes += size;
    }
    return collected;
  }
}
