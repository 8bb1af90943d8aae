import assert from "node:assert/strict";
import test from "node:test";
import { copy } from "../../src/copy/copy.ts";
import { MemoryStore } from "../../src/stores/memory.ts";
import { image, index, writeContent } from "../support/content.ts";
import { assertNamed } from "../support/same-content.ts";
import { FakeRegistry } from "./fake-registry.ts";

/** Two images of two layers and a config each, under one index. */
const content = index([image({ seed: 1 }), image({ seed: 2 })]);
const blobs = 6;

async function registries() {
  const source = new FakeRegistry("source.example");
  const target = new FakeRegistry("target.example");
  await writeContent(source.repository("app").content, content, "v1");
  const request = {
    from: source.repository("app"),
    reference: "v1",
    to: target.repository("app"),
    tags: ["v1"],
  };
  return { source, target, request };
}

test("into an empty repository: each manifest is read once, each blob asked for once, nothing is asked twice", async () => {
  const { source, target, request } = await registries();
  await copy([request]);
  await assertNamed(target.repository("app").content, "v1", content);
  assert.deepEqual(source.counts(), { resolve: 1, read: 3 + blobs });
  // The root is asked for, its images are not: writing them costs the same.
  assert.deepEqual(target.counts(), { has: 1 + blobs, write: 3 + blobs, tag: 1 });
});

test("an image that is present: its nodes are asked for, nothing is read but manifests, nothing is written", async () => {
  const { source, target, request } = await registries();
  await copy([request]);
  source.calls.length = 0;
  target.calls.length = 0;
  await copy([request]);
  assert.deepEqual(source.counts(), { resolve: 1, read: 3 });
  assert.deepEqual(target.counts(), { has: 3 + blobs, resolve: 1 });
});

test("an image that is present, with trusted roots: two requests in all", async () => {
  const { source, target, request } = await registries();
  await copy([request]);
  source.calls.length = 0;
  target.calls.length = 0;
  const result = await copy([request], { trustRoots: true });
  assert.deepEqual(source.counts(), { resolve: 1 });
  assert.deepEqual(target.counts(), { resolve: 1 });
  assert.equal(result.images[0]?.root.digest, content.root.digest);
  assert.equal(result.moved.nodes, 0);
});

test("trusted roots: a new tag on a present image", async () => {
  const { source, target, request } = await registries();
  await copy([request]);
  source.calls.length = 0;
  target.calls.length = 0;
  await copy([{ ...request, tags: ["v2"] }], { trustRoots: true });
  assert.deepEqual(source.counts(), { resolve: 1 });
  assert.deepEqual(target.counts(), { resolve: 1, has: 1, tag: 1 });
  await assertNamed(target.repository("app").content, "v2", content);
});

test("a blob that the destination lost is healed, unless roots are trusted", async () => {
  const { target, request } = await registries();
  await copy([request]);
  const lost = content.nodes.find(({ kind }) => kind === "blob");
  assert.ok(lost);
  const held = target.repository("app").content;
  await held.remove(lost);
  await copy([request], { trustRoots: true });
  assert.equal(await held.has(lost), false);
  const { moved } = await copy([request]);
  assert.deepEqual(moved, { nodes: 1, bytes: lost.descriptor.size });
  await assertNamed(held, "v1", content);
});

test("a lost manifest below a present index is healed", async () => {
  const { target, request } = await registries();
  await copy([request]);
  const lost = content.nodes.find(({ kind }) => kind === "manifest");
  assert.ok(lost);
  const held = target.repository("app").content;
  await held.remove(lost);
  await copy([request]);
  await assertNamed(held, "v1", content);
});

test("a layout is never trusted by its root: it may be sparse", async () => {
  const from = new MemoryStore();
  const to = new MemoryStore();
  await writeContent(from, content, "v1");
  await copy([{ from, reference: "v1", to, tags: ["v1"] }]);
  const lost = content.nodes.find(({ kind }) => kind === "blob");
  assert.ok(lost);
  await to.remove(lost);
  await copy([{ from, reference: "v1", to, tags: ["v1"] }], { trustRoots: true });
  await assertNamed(to, "v1", content);
});

test("a new tag within one repository is one write: nothing is asked, nothing moves", async () => {
  const { source, request } = await registries();
  await copy([{ ...request, to: source.repository("app"), tags: ["v2"] }]);
  assert.deepEqual(source.counts(), { resolve: 2, read: 3, tag: 1 });
  await assertNamed(source.repository("app").content, "v2", content);
});

test("one reference to many places is resolved and read once", async () => {
  const { source, target, request } = await registries();
  const other = new FakeRegistry("other.example");
  const requests = [
    request,
    { ...request, to: target.repository("copy") },
    { ...request, to: other.repository("app") },
  ];
  await copy(requests);
  // Each blob is read once per registry.
  assert.deepEqual(source.counts(), { resolve: 1, read: 3 + 2 * blobs });
  for (const { to } of requests) await assertNamed(to, "v1", content);
});
