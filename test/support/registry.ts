import type { TestContext } from "node:test";
import type { RegistryServerOptions } from "../../src/server/options.ts";
import { memoryRepositories } from "../../src/server/repositories/memory.ts";
import { createRegistryServer, type RegistryServer } from "../../src/server/server.ts";

export interface StartedRegistry {
  /** `127.0.0.1:PORT`. */
  readonly host: string;
  readonly url: string;
  readonly port: number;
  readonly server: RegistryServer;
}

/** Lading's registry in this process on a free port, in memory and with all deletes allowed unless the options say other. It ends with the test. */
export async function startRegistry(
  t: TestContext,
  options: Partial<RegistryServerOptions> = {},
): Promise<StartedRegistry> {
  const server = createRegistryServer({
    repositories: memoryRepositories(),
    deletes: { tags: true, manifests: true, blobs: true },
    ...options,
  });
  const { url, port } = await server.listen();
  t.after(() => server.close({ graceMs: 0 }));
  return { host: `127.0.0.1:${port}`, url, port, server };
}
