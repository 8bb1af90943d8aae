import type { TestContext } from "node:test";
import type { Repositories } from "../../../src/bundle/repositories.ts";
import { createRegistryClient, type RegistryClientOptions } from "../../../src/stores/registry/client.ts";
import type { RegistryStore } from "../../../src/stores/registry/repository.ts";
import { type FaultProxy, startFaultProxy } from "../../support/fault-proxy.ts";
import { startRegistry } from "../../support/registry.ts";

/** A registry that counts what it is asked. */
export interface CountedRegistry {
  readonly host: string;
  readonly proxy: FaultProxy;
  /** A store of its own, which has seen nothing yet. */
  repository(name: string): RegistryStore;
  /** Requests since the last `forget`, digests and hex shortened to D. */
  asked(): string[];
  forget(): void;
}

/** @param target the host of a registry that runs already; by default a new one in this process */
export async function countedRegistry(t: TestContext, target?: string): Promise<CountedRegistry> {
  const proxy = await startFaultProxy(t, target ?? (await startRegistry(t)).host);
  return {
    host: proxy.host,
    proxy,
    repository: (repository) => freshClient(t).repository({ registry: proxy.host, repository }),
    asked: () =>
      proxy.requests.map(
        ({ method, url }) => `${method} ${url.replace("/v2/", "").replace(/[0-9a-f]{64}/g, "D")}`,
      ),
    forget: () => proxy.script(),
  };
}

export function freshClient(t: TestContext, options: RegistryClientOptions = {}) {
  const client = createRegistryClient({ retry: { attempts: 1 }, ...options });
  t.after(() => client.close());
  return client;
}

/** All registries, by a client that has seen nothing yet. */
export function repositories(t: TestContext, options: RegistryClientOptions = {}): Repositories {
  const client = freshClient(t, options);
  return { open: async (location) => client.repository(location) };
}
