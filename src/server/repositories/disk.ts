import { lstat, readdir } from "node:fs/promises";
import { join, resolve } from "node:path";
import type { Descriptor } from "../../spec/descriptor.ts";
import type { Digest } from "../../spec/digest.ts";
import { isRepositoryPath } from "../../spec/reference.ts";
import type { LayoutStore } from "../../stores/layout/layout-store.ts";
import { openLayout } from "../../stores/layout/open.ts";
import { compareBytewise } from "../../stores/referrer.ts";
import type { Collected } from "../collected.ts";
import { type CollectOptions, type Repositories, Repository, type RepositoryContent } from "./repository.ts";

/** No component of a repository's name starts with an underscore: this folder is never one of another repository. */
const layoutFolder = "_layout";

/**
 * Repositories below a folder, one OCI layout each at `<folder>/<name>/_layout`: other tools read them while the registry
 * runs (`oci:<folder>/<name>/_layout:<tag>`).
 */
export function diskRepositories(folder: string): Repositories {
  const root = resolve(folder);
  const opened = new Map<string, Promise<Repository | undefined>>();
  const load = (name: string, create: boolean): Promise<Repository | undefined> => {
    const loading = openRepository(root, name, create);
    opened.set(name, loading);
    const forget = () => {
      if (opened.get(name) === loading) opened.delete(name);
    };
    // What is not there now may be made later, by another process as well.
    loading.then((repository) => repository ?? forget(), forget);
    return loading;
  };
  return {
    label: root,
    find: (name) => opened.get(name) ?? load(name, false),
    open: async (name) => {
      const known = await opened.get(name);
      if (known !== undefined) return known;
      const repository = await (opened.get(name) ?? load(name, true));
      // Somebody looked for it just before it was made.
      return repository ?? openedOrThrow(await load(name, true), name);
    },
    async *names() {
      yield* (await namesBelow(root, "")).sort(compareBytewise);
    },
    close: async () => {
      for (const loading of opened.values()) {
        await (await loading)?.store[Symbol.asyncDispose]();
      }
      opened.clear();
    },
  };
}

function openedOrThrow(repository: Repository | undefined, name: string): Repository {
  if (repository === undefined) throw new Error(`the repository ${name} could not be made`);
  return repository;
}

async function openRepository(root: string, name: string, create: boolean): Promise<Repository | undefined> {
  // The router has checked the name; a path is made from it only here, and only when it holds.
  if (!isRepositoryPath(name)) throw new Error(`not a repository name: ${JSON.stringify(name)}`);
  const folder = join(root, name, layoutFolder);
  if (!create && !(await isThere(join(folder, "oci-layout")))) return undefined;
  // Opened for writing in any case: that clears what a killed process left there.
  return new Repository(name, new DiskContent(await openLayout(folder, { create: true, label: name })));
}

function isThere(path: string): Promise<boolean> {
  return lstat(path).then(
    () => true,
    () => false,
  );
}

async function namesBelow(root: string, name: string): Promise<string[]> {
  const entries = await readdir(join(root, name), { withFileTypes: true }).catch(() => []);
  const names: string[] = [];
  for (const entry of entries) {
    if (!entry.isDirectory()) continue;
    if (entry.name === layoutFolder) {
      if (name !== "") names.push(name);
      continue;
    }
    const child = name === "" ? entry.name : `${name}/${entry.name}`;
    if (isRepositoryPath(child)) names.push(...(await namesBelow(root, child)));
  }
  return names;
}

class DiskContent implements RepositoryContent {
  readonly store: LayoutStore;

  constructor(store: LayoutStore) {
    this.store = store;
  }

  blobSize(digest: Digest): Promise<number | undefined> {
    return this.store.blobSize(digest);
  }

  async used(blob: Descriptor): Promise<void> {
    // Finding it marks it as used, for collections of other processes, too.
    await this.store.has({ kind: "blob", descriptor: blob });
  }

  async link(blob: Descriptor, from: RepositoryContent): Promise<boolean> {
    if (!(from instanceof DiskContent)) return false;
    await this.store.linkBlob(from.store, blob);
    return true;
  }

  expireUploads(olderThanMs: number): Promise<number> {
    return this.store.expireUploads(olderThanMs);
  }

  async collect(options: CollectOptions): Promise<Collected> {
    const { removed, unlisted, freedBytes } = await this.store.gc({
      graceMs: options.graceMs,
      untagged: options.untaggedManifests,
      signal: options.signal,
    });
    const manifests = new Set(unlisted);
    return {
      manifests: manifests.size,
      blobs: removed.filter(({ digest }) => !manifests.has(digest)).length,
      bytes: freedBytes,
    };
  }
}
