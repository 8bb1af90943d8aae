import assert from "node:assert/strict";
import test from "node:test";
import { plainPasswords } from "../../../src/server/auth/passwords.ts";
import { diskRepositories } from "../../../src/server/repositories/disk.ts";
import { makeCertificate } from "../../support/certificate.ts";
import { needs } from "../../support/peers.ts";
import { startRegistry } from "../../support/registry.ts";
import { tempDir } from "../../support/tmp.ts";
import { allChecks, failuresOf, runConformance } from "./suite.ts";

const checks = allChecks().length;

test("conformance: in memory over http", async (t) => {
  const { url } = await startRegistry(t);
  const results = await runConformance({ url, prefix: "conformance" });
  assert.deepEqual(failuresOf(results), []);
  assert.equal(results.length, checks);
});

test("conformance: in memory, with a password", async (t) => {
  const { url } = await startRegistry(t, {
    passwords: plainPasswords({ jane: "secret" }),
  });
  const sha256 = allChecks().filter(({ name }) => name.startsWith("sha256"));
  const authorization = `Basic ${Buffer.from("jane:secret").toString("base64")}`;
  const results = await runConformance({ url, prefix: "conformance", authorization }, sha256);
  assert.deepEqual(failuresOf(results), []);
});

test("conformance: an index may be sparse where the operator says so", async (t) => {
  const { url } = await startRegistry(t, { children: "blobs" });
  const sparse = allChecks().filter(({ name }) => name.includes("sparse index"));
  const results = await runConformance({ url, prefix: "conformance" }, sparse);
  assert.deepEqual(failuresOf(results), []);
  assert.ok(results.length > 10);
});

test("conformance: on disk over https", needs("openssl"), async (t) => {
  const { cert, key } = await makeCertificate(t);
  const { url } = await startRegistry(t, {
    repositories: diskRepositories(await tempDir(t)),
    tls: { cert, key },
  });
  assert.match(url, /^https:/);
  const results = await runConformance({ url, prefix: "conformance", ca: cert });
  assert.deepEqual(failuresOf(results), []);
});
