import assert from "node:assert/strict";
import test, { type TestContext } from "node:test";
import { bodyOf } from "../../../src/bytes/body.ts";
import { createRegistryClient } from "../../../src/stores/registry/client.ts";
import { referrersTag } from "../../../src/stores/registry/referrers.ts";
import { artifact, image, writeContent } from "../../support/content.ts";
import { startDockerRegistry } from "../../support/docker-registry.ts";
import { startFaultProxy } from "../../support/fault-proxy.ts";
import { needs } from "../../support/peers.ts";
import { startRegistry } from "../../support/registry.ts";
import { referrersOf, tagsOf } from "../contract.ts";

function storeAt(t: TestContext, host: string) {
  const client = createRegistryClient({ retry: { minDelayMs: 1, maxDelayMs: 5 } });
  t.after(() => client.close());
  return client.repository({ registry: host, repository: "some/place" });
}

const subject = image({ seed: 1 });
const attached = (seed: number) =>
  artifact({ seed, subject: subject.root, blobs: [], annotations: { "org.example.seed": String(seed) } });

test(
  "without the API, many referrers at once are all listed, with few writes",
  needs("docker-registry"),
  async (t) => {
    const { host } = await startDockerRegistry(t);
    const proxy = await startFaultProxy(t, host);
    const store = storeAt(t, proxy.host);
    await writeContent(store, subject, "v1");
    const all = Array.from({ length: 50 }, (_, i) => attached(100 + i));
    proxy.script();
    await Promise.all(all.map((content) => writeContent(store, content)));
    const tag = referrersTag(subject.root.digest);
    const writes = proxy.requests.filter(({ method, url }) => method === "PUT" && url.includes(tag)).length;
    assert.ok(writes < 25, `${writes} writes of the list`);
    const found = (await referrersOf(storeAt(t, host), subject.root)).map(({ digest }) => digest);
    assert.deepEqual(found.sort(), all.map(({ root }) => root.digest).sort());
    assert.deepEqual((await tagsOf(storeAt(t, host))).sort(), [tag, "v1"].sort());
  },
);

test(
  "without the API, two writers that meet do not lose each other's referrer",
  needs("docker-registry"),
  async (t) => {
    const { host } = await startDockerRegistry(t);
    await writeContent(storeAt(t, host), subject, "v1");
    const proxy = await startFaultProxy(t, host);
    const tag = referrersTag(subject.root.digest);
    for (let round = 0; round < 3; round++) {
      // The first one's list waits at the proxy while the second one writes its own.
      proxy.script({ match: { method: "PUT", path: new RegExp(tag) }, action: { kind: "delay", ms: 600 } });
      const [slow, fast] = [attached(200 + round), attached(300 + round)];
      await Promise.all([writeContent(storeAt(t, proxy.host), slow), writeContent(storeAt(t, host), fast)]);
      const found = (await referrersOf(storeAt(t, host), subject.root)).map(({ digest }) => digest);
      assert.ok(found.includes(slow.root.digest), "the slow one is there");
    }
  },
);

test("without the API, a referrer that is removed leaves the list", needs("docker-registry"), async (t) => {
  const { host } = await startDockerRegistry(t);
  const store = storeAt(t, host);
  const [one, two] = [attached(1), attached(2)];
  await writeContent(store, subject, "v1");
  for (const content of [one, two]) await writeContent(store, content);
  assert.equal(await storeAt(t, host).remove({ kind: "manifest", descriptor: one.root }), true);
  assert.deepEqual(
    (await referrersOf(storeAt(t, host), subject.root)).map(({ digest }) => digest),
    [two.root.digest],
  );
});

test(
  "without the API, a list with somebody's lost referrer can still be written",
  needs("docker-registry"),
  async (t) => {
    const { host } = await startDockerRegistry(t);
    await writeContent(storeAt(t, host), subject, "v1");
    const [lost, fresh] = [attached(1), attached(2)];
    await writeContent(storeAt(t, host), lost);
    const { status } = await fetch(`http://${host}/v2/some/place/manifests/${lost.root.digest}`, {
      method: "DELETE",
    });
    assert.equal(status, 202);
    await writeContent(storeAt(t, host), fresh);
    assert.deepEqual(
      (await referrersOf(storeAt(t, host), subject.root)).map(({ digest }) => digest),
      [fresh.root.digest],
    );
  },
);

test("with the API, no tag is made", async (t) => {
  const { host } = await startRegistry(t);
  const store = storeAt(t, host);
  await writeContent(store, subject, "v1");
  await writeContent(store, attached(1));
  assert.deepEqual(await tagsOf(storeAt(t, host)), ["v1"]);
  assert.equal((await referrersOf(storeAt(t, host), subject.root)).length, 1);
});

test("an API that is a web page somewhere is no API", needs("docker-registry"), async (t) => {
  const { host } = await startDockerRegistry(t);
  await writeContent(storeAt(t, host), subject, "v1");
  await writeContent(storeAt(t, host), attached(1));
  const proxy = await startFaultProxy(t, host);
  for (const action of [
    { kind: "html", status: 200 },
    { kind: "status", status: 303, headers: { location: "/elsewhere" } },
    { kind: "status", status: 400 },
    { kind: "status", status: 405 },
  ] as const) {
    proxy.script({ match: { path: /referrers/ }, action });
    assert.equal((await referrersOf(storeAt(t, proxy.host), subject.root)).length, 1, action.kind);
    assert.ok(proxy.requests.some(({ fault }) => fault === action.kind));
  }
});

test(
  "a list of referrers that cannot be read is an error, not an empty list",
  needs("docker-registry"),
  async (t) => {
    const { host } = await startDockerRegistry(t);
    const proxy = await startFaultProxy(t, host);
    proxy.script({ times: 99, match: { path: /referrers/ }, action: { kind: "html", status: 503 } });
    await assert.rejects(referrersOf(storeAt(t, proxy.host), subject.root), { code: "ERR_LADING_REGISTRY" });
    proxy.script({
      times: 99,
      match: { path: /manifests\/sha256-/ },
      action: { kind: "status", status: 403 },
    });
    await assert.rejects(referrersOf(storeAt(t, proxy.host), subject.root), { code: "ERR_LADING_DENIED" });
  },
);

test(
  "tags, manifests and blobs are removed, and what is off says so",
  needs("docker-registry"),
  async (t) => {
    const hosts = [(await startRegistry(t)).host, (await startDockerRegistry(t)).host];
    for (const host of hosts) {
      const store = storeAt(t, host);
      const content = image({ seed: 5 });
      await writeContent(store, content, "v1", "v2");
      const manifest = content.nodes.at(-1);
      const [blob] = content.nodes;
      assert.ok(manifest && blob);
      assert.equal(await store.remove(manifest), true);
      assert.equal(await store.remove(manifest), false);
      assert.equal(await storeAt(t, host).has(manifest), false);
      await assert.rejects(store.resolve("v1"), { code: "ERR_LADING_NOT_FOUND" });
      assert.equal(await store.remove(blob), true);
      assert.equal(await store.has(blob), false);
      assert.equal(await store.write(blob, bodyOf(blob.bytes)), "written");
    }
    const { host } = await startDockerRegistry(t, { deletes: false });
    await writeContent(storeAt(t, host), subject, "v1");
    await assert.rejects(storeAt(t, host).remove({ kind: "manifest", descriptor: subject.root }), {
      code: "ERR_LADING_UNSUPPORTED",
    });
  },
);

test("untag takes one name and leaves the content", needs("docker-registry"), async (t) => {
  const hosts = [(await startRegistry(t)).host, (await startDockerRegistry(t)).host];
  for (const host of hosts) {
    const store = storeAt(t, host);
    await writeContent(store, subject, "v1", "v2");
    assert.equal(await store.untag("v1"), true);
    assert.equal(await store.untag("v1"), false);
    assert.equal(await store.untag("not a tag"), false);
    assert.deepEqual(await tagsOf(storeAt(t, host)), ["v2"]);
    assert.equal((await storeAt(t, host).resolve("v2")).digest, subject.root.digest);
  }
});

test(
  "untag where the registry cannot, and deletes are off, changes nothing",
  needs("docker-registry"),
  async (t) => {
    const { host } = await startDockerRegistry(t, { deletes: false });
    await writeContent(storeAt(t, host), subject, "v1");
    await assert.rejects(storeAt(t, host).untag("v1"), { code: "ERR_LADING_UNSUPPORTED" });
    assert.equal((await storeAt(t, host).resolve("v1")).digest, subject.root.digest);
  },
);
