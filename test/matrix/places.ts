import type { TestContext } from "node:test";
import { openLayout } from "../../src/stores/layout/open.ts";
import { MemoryStore } from "../../src/stores/memory.ts";
import { createRegistryClient } from "../../src/stores/registry/client.ts";
import type { Sink, Source } from "../../src/stores/store.ts";
import type { ContentKind } from "../support/content.ts";
import { startDockerRegistry } from "../support/docker-registry.ts";
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
  {
    name: "docker-registry",
    programs: ["docker-registry"],
    // 2.8.2 knows no sha512.
    takes: (kind) => kind !== "sha512",
    open: async (t) => registryPlace(t, (await startDockerRegistry(t)).host),
  },
];
