import type { TestContext } from "node:test";
import { createRegistryClient } from "../../../src/stores/registry/client.ts";
import { startDockerRegistry } from "../../support/docker-registry.ts";
import { startRegistry } from "../../support/registry.ts";
import { storeContract } from "../contract.ts";

/** Each test gets a repository of its own in a registry of its own. */
async function dockerRegistry(t: TestContext) {
  return between(t, (await startDockerRegistry(t)).host);
}

async function ownRegistry(t: TestContext) {
  return between(t, (await startRegistry(t)).host);
}

/** One client writes and another one reads: nothing comes from what the first one remembers. */
function between(t: TestContext, host: string) {
  const writer = createRegistryClient({});
  const reader = createRegistryClient({});
  t.after(() => Promise.all([writer.close(), reader.close()]));
  const location = { registry: host, repository: "some/place" };
  return { sink: writer.repository(location), read: async () => reader.repository(location) };
}

storeContract("registry client with docker-registry", dockerRegistry, {
  // It knows no sha512 manifests; and referrers cost a tag there, which tags.test.ts and referrers.test.ts look at.
  refuses: ["sha512", "artifact with an absent subject"],
});

storeContract("registry client with Lading's registry", ownRegistry);
