import assert from "node:assert/strict";
import test from "node:test";
import { plainPasswords } from "../../../src/server/auth/passwords.ts";
import { diskRepositories } from "../../../src/server/repositories/disk.ts";
import { memoryRepositories } from "../../../src/server/repositories/memory.ts";
import { startRegistry } from "../../support/registry.ts";
import { tempDir } from "../../support/tmp.ts";
import { allChecks, failuresOf, runConformance } from "./suite.ts";

const checks = allChecks().length;

test("conformance: in memory over http", async (t) => {
  const { url } = await startRegistry(t, { repositories: memoryRepositories() });
  const results = await runConformance({ url, prefix: "conformance" });
  assert.deepEqual(failuresOf(results), []);
  assert.equal(results.length, checks);
});

test("conformance: on disk over http, with a password", async (t) => {
  const { url } = await startRegistry(t, {
    repositories: diskRepositories(await tempDir(t)),
    passwords: plainPasswords({ jane: "secret" }),
  });
  const authorization = `Basic ${Buffer.from("jane:secret").toString("base64")}`;
  const results = await runConformance({ url, prefix: "conformance", authorization });
  assert.deepEqual(failuresOf(results), []);
});

test("conformance: an index may be sparse where the operator says so", async (t) => {
  const { url } = await startRegistry(t, { children: "blobs" });
  const sparse = allChecks().filter(({ name }) => name.includes("sparse index"));
  const results = await runConformance({ url, prefix: "conformance" }, sparse);
  assert.deepEqual(failuresOf(results), []);
  assert.ok(results.length > 10);
});
