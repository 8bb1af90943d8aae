import assert from "node:assert/strict";
import test from "node:test";
import { createRegistryClient } from "../../../../src/stores/registry/client.ts";
import { startRegistry } from "../../../support/registry.ts";
import { keychains } from "./support.ts";

test("GitHub's token is for GitHub's registry alone", async (t) => {
  const variables = { GITHUB_TOKEN: "ghs_token" };
  const asking = await keychains(t, ["github"], { variables });
  assert.deepEqual(await asking.find("ghcr.io"), { username: "unset", password: "ghs_token" });
  for (const host of ["ghcr.io.evil.com", "x.ghcr.io", "ghcr.io:5000", "docker.io", "github.com"]) {
    assert.equal(await asking.find(host), undefined, host);
  }
  const named = await keychains(t, ["github"], { variables: { ...variables, GITHUB_ACTOR: "jane" } });
  assert.equal((await named.find("ghcr.io"))?.username, "jane");
  const none = await keychains(t, ["github"]);
  assert.equal(await none.find("ghcr.io"), undefined);
  const other = await keychains(t, ["ecr", "gke", "aks"], { variables });
  assert.equal(await other.find("ghcr.io"), undefined);
});

test("a credential that has ended is asked for anew before the next request", async (t) => {
  const { host } = await startRegistry(t);
  let now = 1000;
  let asked = 0;
  await using client = createRegistryClient({
    clock: { now: () => now, random: () => 0, sleep: async () => {} },
    credentials: {
      find: async () => {
        asked++;
        return { username: "u", password: `p${asked}`, askAgainAt: now + 100 };
      },
    },
  });
  const store = client.repository({ registry: host, repository: "app" });
  const ask = () => assert.rejects(store.resolve("v1"), { code: "ERR_LADING_NOT_FOUND" });
  await ask();
  await ask();
  assert.equal(asked, 1);
  now += 200;
  await ask();
  assert.equal(asked, 2);
});
