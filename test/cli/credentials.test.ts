import assert from "node:assert/strict";
import test from "node:test";
import { environmentCredentials } from "../../src/cli/environment-credentials.ts";

async function userFor(
  variables: Record<string, string>,
  registry: string,
  repository = "app",
): Promise<string | undefined> {
  return (await environmentCredentials(variables).find(registry, repository))?.username;
}

test("a group of variables is for its host only", async () => {
  const variables = {
    IMGPKG_REGISTRY_HOSTNAME: "one.example",
    IMGPKG_REGISTRY_USERNAME: "first",
    IMGPKG_REGISTRY_HOSTNAME_X: "two.example:5000",
    IMGPKG_REGISTRY_USERNAME_X: "second",
    IMGPKG_REGISTRY_USERNAME_LONELY: "nobody",
  };
  assert.equal(await userFor(variables, "one.example"), "first");
  assert.equal(await userFor(variables, "two.example:5000"), "second");
  assert.equal(await userFor(variables, "two.example"), undefined);
  assert.equal(await userFor(variables, "sub.one.example"), undefined);
  assert.equal(await userFor(variables, "one.example.evil"), undefined);
});

test("patterns stand for one label each, a path for its prefix, the longest first", async () => {
  const variables = {
    LADING_REGISTRY_HOSTNAME_0: "*.example.com",
    LADING_REGISTRY_USERNAME_0: "all",
    LADING_REGISTRY_HOSTNAME_1: "https://*.example.com/team/",
    LADING_REGISTRY_USERNAME_1: "team",
  };
  assert.equal(await userFor(variables, "a.example.com", "team/app"), "team");
  assert.equal(await userFor(variables, "a.example.com", "teamwork/app"), "all");
  assert.equal(await userFor(variables, "b.a.example.com"), undefined);
  assert.equal(await userFor(variables, "example.com"), undefined);
});

test("names of Docker Hub are one registry; LADING_ comes before IMGPKG_", async () => {
  const variables = {
    IMGPKG_REGISTRY_HOSTNAME: "index.docker.io",
    IMGPKG_REGISTRY_USERNAME: "old",
    LADING_REGISTRY_HOSTNAME: "docker.io",
    LADING_REGISTRY_USERNAME: "new",
  };
  assert.equal(await userFor(variables, "docker.io", "library/alpine"), "new");
  assert.equal(
    await userFor(
      { IMGPKG_REGISTRY_HOSTNAME: "index.docker.io", IMGPKG_REGISTRY_USERNAME: "old" },
      "docker.io",
    ),
    "old",
  );
});

test("tokens are passed on as what they are", async () => {
  const source = environmentCredentials({
    LADING_REGISTRY_HOSTNAME: "r.example",
    LADING_REGISTRY_IDENTITY_TOKEN: "refresh",
    LADING_REGISTRY_HOSTNAME_2: "s.example",
    LADING_REGISTRY_REGISTRY_TOKEN_2: "bearer",
  });
  assert.deepEqual(await source.find("r.example", "a"), { identityToken: "refresh" });
  assert.deepEqual(await source.find("s.example", "a"), { registryToken: "bearer" });
});

test("a misspelt variable is an error; Azure's are left alone", () => {
  assert.throws(() => environmentCredentials({ IMGPKG_REGISTRY_HOST: "x" }), {
    code: "ERR_LADING_USAGE",
    message: /^Unable retrieve credentials for registry: Unknown env variable 'IMGPKG_REGISTRY_HOST'$/,
  });
  environmentCredentials({ IMGPKG_REGISTRY_AZURE_CR_CONFIG: "x" });
});
