import assert from "node:assert/strict";
import test from "node:test";
import { createRegistryClient } from "../../src/stores/registry/client.ts";
import { startDockerRegistry } from "../support/docker-registry.ts";
import { startFaultProxy } from "../support/fault-proxy.ts";
import { file, putImage, tarOf } from "../support/image.ts";
import { needs } from "../support/peers.ts";
import { startRegistry } from "../support/registry.ts";
import { lading } from "./support/program.ts";

/** A repository `app` with these tags, all of one image; gives its digest. */
async function tagged(t: test.TestContext, host: string, tags: readonly string[]): Promise<string> {
  const client = createRegistryClient();
  t.after(() => client.close());
  const store = client.repository({ registry: host, repository: "app" });
  const { descriptor } = await putImage(store, [tarOf(file("a"))]);
  for (const tag of tags) await store.tag(descriptor, tag);
  return descriptor.digest;
}

test("tag list hides what copies of bundles leave, and shows signatures", async (t) => {
  const { host } = await startRegistry(t);
  const hex = "a".repeat(64);
  const internal = [`sha256-${hex}.imgpkg`, `sha256-${hex}.image-locations.imgpkg`];
  await tagged(t, host, ["v2", "v1", "V3", `sha256-${hex}.sig`, ...internal]);
  const listed = await lading(["tag", "list", "-i", `${host}/app:ignored`]);
  assert.equal(listed.stdout, `V3\nsha256-${hex}.sig\nv1\nv2\n`, listed.stderr);
  const all = await lading(["tag", "ls", "-i", `${host}/app`, "--imgpkg-internal-tags", "--json"]);
  assert.deepEqual(JSON.parse(all.stdout), {
    repository: `${host}/app`,
    tags: ["V3", internal[1], internal[0], `sha256-${hex}.sig`, "v1", "v2"].map((name) => ({ name })),
  });
});

test("digests of tags are looked up with HEAD, each once", async (t) => {
  const { host } = await startRegistry(t);
  const names = Array.from({ length: 40 }, (_, i) => `v${String(i).padStart(2, "0")}`);
  const digest = await tagged(t, host, names);
  const proxy = await startFaultProxy(t, host);
  const line = ["tag", "list", "-i", `${proxy.host}/app`, "--digests", "--concurrency", "3"];
  const listed = await lading(line);
  assert.equal(listed.stdout, names.map((name) => `${name}  ${digest}\n`).join(""), listed.stderr);
  const asked = proxy.requests.filter(({ url }) => url.includes("/manifests/"));
  assert.deepEqual(new Set(asked.map(({ method }) => method)), new Set(["HEAD"]));
  assert.equal(asked.length, 40);
});

test("a registry that knows no HEAD is asked with GET", async (t) => {
  const { host } = await startRegistry(t);
  const digest = await tagged(t, host, ["v1"]);
  const proxy = await startFaultProxy(t, host, {
    match: { method: "HEAD" },
    times: 9,
    action: { kind: "status", status: 405 },
  });
  const listed = await lading(["tag", "list", "-i", `${proxy.host}/app`, "--digests"]);
  assert.equal(listed.stdout, `v1  ${digest}\n`, listed.stderr);
});

test("a digest that is not there does not resolve, though it says all by itself", async (t) => {
  const { host } = await startRegistry(t);
  const digest = await tagged(t, host, ["v1"]);
  const resolved = await lading(["tag", "resolve", "-i", `${host}/app@${digest}`]);
  assert.equal(resolved.stdout, `${host}/app@${digest}\n`, resolved.stderr);
  const absent = `sha256:${"b".repeat(64)}`;
  const refused = await lading(["tag", "resolve", "-i", `${host}/app@${absent}`]);
  assert.equal(refused.code, 3);
  assert.match(refused.stderr, new RegExp(absent.slice(0, 15)));
});

test("docker-registry's tags have the same digests", needs("docker-registry"), async (t) => {
  const { host } = await startDockerRegistry(t);
  const digest = await tagged(t, host, ["v1", "v2"]);
  const listed = await lading(["tag", "list", "-i", `${host}/app`, "--digests", "--json"]);
  const { tags } = JSON.parse(listed.stdout) as { tags: { name: string; digest: string }[] };
  assert.deepEqual(
    tags.map((tag) => [tag.name, tag.digest]),
    [
      ["v1", digest],
      ["v2", digest],
    ],
  );
});
