import assert from "node:assert/strict";
import test, { type TestContext } from "node:test";
import { bodyOf } from "../../../src/bytes/body.ts";
import { createRegistryClient, type RegistryClientOptions } from "../../../src/stores/registry/client.ts";
import { artifact, blob, type Content, image, writeContent } from "../../support/content.ts";
import { startFaultProxy } from "../../support/fault-proxy.ts";
import { startRegistry } from "../../support/registry.ts";
import { bytesOf } from "../contract.ts";

async function setup(t: TestContext) {
  const { host } = await startRegistry(t);
  const proxy = await startFaultProxy(t, host);
  return {
    proxy,
    store: (repository = "some/place", options: RegistryClientOptions = {}) => {
      const client = createRegistryClient(options);
      t.after(() => client.close());
      return client.repository({ registry: proxy.host, repository });
    },
    asked: (): string[] =>
      proxy.requests.map(({ method, url }) => {
        const path = url
          .replace(/^\/v2\/some\/(?:place|other)\//, "")
          .replace(/sha256(?::|%3A)[0-9a-f]{64}/g, "D");
        return `${method} ${path.replace(/uploads\/[^/?].*/, "uploads/session")}`;
      }),
  };
}

function rootOf(content: Content) {
  const root = content.nodes.at(-1);
  assert.ok(root);
  return root;
}

test("reading a small image is one request per node", async (t) => {
  const { proxy, store, asked } = await setup(t);
  const content = image({ layers: 2 });
  await writeContent(store(), content, "v1");
  proxy.script();
  const reader = store();
  await reader.resolve("v1");
  for (const each of content.nodes) assert.deepEqual(await bytesOf(reader, each), each.bytes);
  assert.deepEqual(asked(), ["GET manifests/v1", "GET blobs/D", "GET blobs/D", "GET blobs/D"]);
});

test("to know that an image is there takes one request at each side", async (t) => {
  const { proxy, store, asked } = await setup(t);
  const content = image();
  await writeContent(store(), content, "v1");
  proxy.script();
  const there = await store().resolve("v1");
  assert.equal(await store().has({ kind: "manifest", descriptor: there }), true);
  assert.deepEqual(asked(), ["GET manifests/v1", "HEAD manifests/D"]);
});

test("a manifest that gets a name is sent once, by its name, and again when the name has moved since", async (t) => {
  const { proxy, store, asked } = await setup(t);
  const writer = store();
  const [first, second] = [image({ seed: 1, layers: 1 }), image({ seed: 2, layers: 1 })];
  for (const content of [first, second]) {
    for (const each of content.nodes.slice(0, -1)) await writer.write(each, bodyOf(each.bytes));
  }
  proxy.script();
  const write = async (content: Content) => {
    const root = rootOf(content);
    await writer.write(root, bodyOf(root.bytes), { knownAbsent: true, name: "v1" });
  };
  await write(first);
  await writer.tag(first.root, "v1");
  assert.deepEqual(asked(), ["PUT manifests/v1"]);
  await write(second);
  await writer.tag(first.root, "v1");
  assert.deepEqual(asked(), ["PUT manifests/v1", "PUT manifests/v1", "PUT manifests/v1"]);
  assert.equal((await store().resolve("v1")).digest, first.root.digest);
  assert.equal((await store().resolve(second.root.digest)).digest, second.root.digest);
});

test("a manifest whose digest is no sha256 is sent by its digest: behind a name it would get another", async (t) => {
  const { proxy, store, asked } = await setup(t);
  const writer = store();
  const content = image({ layers: 1, algorithm: "sha512" });
  for (const each of content.nodes.slice(0, -1)) await writer.write(each, bodyOf(each.bytes));
  proxy.script();
  const root = rootOf(content);
  await writer.write(root, bodyOf(root.bytes), { knownAbsent: true, name: "v1" });
  assert.deepEqual(asked(), [`PUT manifests/${root.descriptor.digest}`]);
});

test("writing asks once, sends once, and tags without sending again what is known", async (t) => {
  const { store, asked } = await setup(t);
  const content = artifact({ blobs: [blob(1000)] });
  const writer = store();
  for (const each of content.nodes) {
    assert.equal(await writer.has(each), false);
    await writer.write(each, bodyOf(each.bytes));
    assert.equal(await writer.has(each), true);
  }
  await writer.tag(content.root, "v1");
  await writer.tag(content.root, "v2");
  const blobs = content.nodes
    .slice(0, -1)
    .flatMap(() => ["HEAD blobs/D", "POST blobs/uploads/", "PUT blobs/uploads/session"]);
  assert.deepEqual(asked(), [
    ...blobs,
    "HEAD manifests/D",
    "PUT manifests/D",
    "PUT manifests/v1",
    "PUT manifests/v2",
  ]);
});

test("what is known to be absent is not asked for", async (t) => {
  const { store, asked } = await setup(t);
  const each = blob(1000);
  await store().write(each, bodyOf(each.bytes), { knownAbsent: true });
  assert.deepEqual(asked(), ["POST blobs/uploads/", "PUT blobs/uploads/session"]);
});

test("a mount is one request and needs no HEAD", async (t) => {
  const { proxy, store, asked } = await setup(t);
  const each = blob(1000);
  await store("some/other").write(each, bodyOf(each.bytes));
  proxy.script();
  const body = { size: 1000, open: () => assert.fail("nothing is read for a mount") };
  const mountFrom = [{ registry: proxy.host, repository: "some/other" }];
  assert.equal(await store().write(each, body, { mountFrom }), "mounted");
  assert.deepEqual(asked(), ["POST blobs/uploads/?mount=D&from=some%2Fother"]);
});

test("a mount that the registry turns into an upload goes on in that session", async (t) => {
  const { proxy, store, asked } = await setup(t);
  const each = blob(1000);
  const mountFrom = [
    { registry: "elsewhere.example", repository: "some/other" },
    { registry: proxy.host, repository: "some/place" },
    { registry: proxy.host, repository: "some/other" },
  ];
  assert.equal(await store().write(each, bodyOf(each.bytes), { mountFrom }), "written");
  assert.deepEqual(asked(), ["POST blobs/uploads/?mount=D&from=some%2Fother", "PUT blobs/uploads/session"]);
});

test("a mount that is refused is forgotten", async (t) => {
  const { proxy, store, asked } = await setup(t);
  const each = blob(1000);
  for (const status of [400, 401, 403, 405]) {
    proxy.script({ match: { method: "POST", path: /mount/ }, action: { kind: "status", status } });
    const mountFrom = [{ registry: proxy.host, repository: "some/other" }];
    assert.equal(
      await store("some/place", {}).write(each, bodyOf(each.bytes), { mountFrom, knownAbsent: true }),
      "written",
    );
    assert.deepEqual(asked().slice(-3), [
      "POST blobs/uploads/?mount=D&from=some%2Fother",
      "POST blobs/uploads/",
      "PUT blobs/uploads/session",
    ]);
  }
});

test("HEAD that is refused is asked again with GET", async (t) => {
  const { proxy, store, asked } = await setup(t);
  const each = blob(1000);
  const absent = blob(1000, 2);
  await store().write(each, bodyOf(each.bytes));
  for (const status of [400, 403, 405]) {
    proxy.script({ times: 2, match: { method: "HEAD" }, action: { kind: "status", status } });
    const asking = store();
    assert.equal(await asking.has(each), true);
    assert.equal(await asking.has(absent), false);
    assert.deepEqual(asked(), ["HEAD blobs/D", "GET blobs/D", "HEAD blobs/D", "GET blobs/D"]);
    assert.equal(proxy.requests[1]?.headers.range, "bytes=0-0");
  }
});

test("a blob of another size is not the one", async (t) => {
  const { store } = await setup(t);
  const each = blob(1000);
  await store().write(each, bodyOf(each.bytes));
  assert.equal(await store().has({ kind: "blob", descriptor: { ...each.descriptor, size: 999 } }), false);
});

test("tags come in pages of a thousand, along the links", async (t) => {
  const { store, asked } = await setup(t);
  const writer = store();
  const content = image({ layers: 0 });
  await writeContent(writer, content, "a", "b");
  const tags: string[] = [];
  for await (const tag of store().tags()) tags.push(tag);
  assert.deepEqual(tags, ["a", "b"]);
  assert.equal(asked().at(-1), "GET tags/list?n=1000");
  assert.equal(rootOf(content).kind, "manifest");
});
