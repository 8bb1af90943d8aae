import { join } from "node:path";
import type { TestContext } from "node:test";
import { diskRepositories } from "../../src/server/repositories/disk.ts";
import { createDockerArchive, createOciArchive } from "../../src/stores/archive/archive-writer.ts";
import { openArchive } from "../../src/stores/archive/open.ts";
import { openLayout } from "../../src/stores/layout/open.ts";
import { MemoryStore } from "../../src/stores/memory.ts";
import { createRegistryClient } from "../../src/stores/registry/client.ts";
import type { Sink, Source } from "../../src/stores/store.ts";
import type { ContentKind } from "../support/content.ts";
import { startDockerRegistry } from "../support/docker-registry.ts";
import { startRegistry } from "../support/registry.ts";
import { tempDir } from "../support/tmp.ts";

/** Somewhere to copy to and from. Each `sink` and `source` is opened anew, as another run would. */
export interface Place {
  sink(): Promise<Sink>;
  source(): Promise<Source>;
}

export interface PlaceKind {
  readonly name: string;
  /** Programs that have to be installed. */
  readonly programs: readonly string[];
  open(t: TestContext): Promise<Place>;
  takes(kind: ContentKind): boolean;
}

const everything = (): boolean => true;

function registryPlace(t: TestContext, host: string): Place {
  const store = async () => {
    const client = createRegistryClient();
    t.after(() => client.close());
    return client.repository({ registry: host, repository: "matrix/app" });
  };
  return { sink: store, source: store };
}

/** Closes with the test what has files open. */
async function closing<T extends AsyncDisposable>(t: TestContext, opening: Promise<T>): Promise<T> {
  const opened = await opening;
  t.after(() => opened[Symbol.asyncDispose]());
  return opened;
}

export const placeKinds: readonly PlaceKind[] = [
  {
    name: "memory",
    programs: [],
    takes: everything,
    open: async () => {
      const store = new MemoryStore("memory");
      return { sink: async () => store, source: async () => store };
    },
  },
  {
    name: "layout",
    programs: [],
    takes: everything,
    open: async (t) => {
      const dir = await tempDir(t);
      return { sink: () => openLayout(dir, { create: true }), source: () => openLayout(dir) };
    },
  },
  ...(["oci-archive", "docker-archive"] as const).map(
    (name): PlaceKind => ({
      name,
      programs: [],
      takes: everything,
      open: async (t) => {
        const path = join(await tempDir(t), "content.tar");
        const create = name === "oci-archive" ? createOciArchive : createDockerArchive;
        return { sink: () => create(path), source: () => closing(t, openArchive(path)) };
      },
    }),
  ),
  {
    name: "registry",
    programs: [],
    takes: everything,
    open: async (t) => {
      const repositories = diskRepositories(await tempDir(t));
      return registryPlace(t, (await startRegistry(t, { repositories })).host);
    },
  },
  {
    name: "docker-registry",
    programs: ["docker-registry"],
    // 2.8.2 knows no sha512.
    takes: (kind) => kind !== "sha512",
    open: async (t) => registryPlace(t, (await startDockerRegistry(t)).host),
  },
];
