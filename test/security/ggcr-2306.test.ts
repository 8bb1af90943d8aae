import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdirSync, renameSync, rmSync, symlinkSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import test, { type TestContext } from "node:test";
import { hexOf } from "../../src/spec/digest.ts";
import type { LayoutStore } from "../../src/stores/layout/layout-store.ts";
import { openLayout } from "../../src/stores/layout/open.ts";
import { bytesOf, rejectsWith, tagsOf } from "../stores/contract.ts";
import { type Content, image, writeContent } from "../support/content.ts";
import { tempDir } from "../support/tmp.ts";

// go-containerregistry #2306: a layout from a stranger had links among its blobs, and files of the reader's machine went
// into the image that was made of it. The same for every other file of a layout, and for what would make a reader wait
// or take all memory.

async function layout(t: TestContext): Promise<{ folder: string; store: LayoutStore; content: Content }> {
  const folder = join(await tempDir(t), "layout");
  const store = await openLayout(folder, { create: true });
  const content = image();
  await writeContent(store, content, "v1");
  return { folder, store, content };
}

const blobPath = (folder: string, content: Content, i: number) =>
  join(folder, "blobs/sha256", hexOf(content.nodes[i]?.descriptor.digest ?? content.root.digest));

test("ggcr#2306: a blob that is a link is not read, and writing it does not go through the link", async (t) => {
  const { folder, store, content } = await layout(t);
  const secret = join(folder, "..", "secret");
  const layer = content.nodes[0];
  assert.ok(layer);
  // Even one that would have the right size and digest.
  writeFileSync(secret, layer.bytes);
  rmSync(blobPath(folder, content, 0));
  symlinkSync(secret, blobPath(folder, content, 0));
  assert.equal(await store.has(layer), false);
  await rejectsWith("ERR_LADING_STORE", bytesOf(store, layer));
  writeFileSync(secret, "something else");
  await writeContent(store, content);
  assert.deepEqual(await bytesOf(store, layer), layer.bytes);
  assert.deepEqual((await store.verify()).wrong, []);
});

test("ggcr#2306: a blob that is a folder or a pipe is refused without waiting", async (t) => {
  const { folder, store, content } = await layout(t);
  const [first, second] = content.nodes;
  assert.ok(first && second);
  rmSync(blobPath(folder, content, 0));
  mkdirSync(blobPath(folder, content, 0));
  rmSync(blobPath(folder, content, 1));
  execFileSync("mkfifo", [blobPath(folder, content, 1)]);
  for (const each of [first, second]) {
    assert.equal(await store.has(each), false);
    await rejectsWith("ERR_LADING_STORE", bytesOf(store, each));
  }
});

test("ggcr#2306: folders of blobs that are links are refused", async (t) => {
  const { folder } = await layout(t);
  for (const part of ["blobs/sha256", "blobs"]) {
    renameSync(join(folder, part), join(folder, "..", "elsewhere"));
    symlinkSync(join(folder, "..", "elsewhere"), join(folder, part));
    await rejectsWith("ERR_LADING_DOCUMENT", openLayout(folder));
    rmSync(join(folder, part));
    renameSync(join(folder, "..", "elsewhere"), join(folder, part));
  }
});

const index: Readonly<Record<string, readonly [(path: string) => void, string]>> = {
  "a link": [(path) => symlinkSync("/etc/passwd", path), "ERR_LADING_STORE"],
  "a folder": [(path) => mkdirSync(path), "ERR_LADING_STORE"],
  "a pipe": [(path) => execFileSync("mkfifo", [path]), "ERR_LADING_STORE"],
  absent: [() => {}, "ERR_LADING_NOT_FOUND"],
  huge: [
    (path) => {
      writeFileSync(path, "{");
      truncateSync(path, 2 ** 40);
    },
    "ERR_LADING_LIMIT",
  ],
  empty: [(path) => writeFileSync(path, ""), "ERR_LADING_DOCUMENT"],
  "not JSON": [(path) => writeFileSync(path, "<html>"), "ERR_LADING_DOCUMENT"],
  "a manifest": [
    (path) => writeFileSync(path, '{"schemaVersion":2,"config":{},"layers":[]}'),
    "ERR_LADING_DOCUMENT",
  ],
  "of wrong descriptors": [
    (path) => writeFileSync(path, '{"manifests":[{"mediaType":"x","digest":"sha256:../../x","size":1}]}'),
    "ERR_LADING_DOCUMENT",
  ],
};
for (const [what, [make, code]] of Object.entries(index)) {
  test(`ggcr#2306: an index.json that is ${what}`, { timeout: 10_000 }, async (t) => {
    const { folder, store, content } = await layout(t);
    rmSync(join(folder, "index.json"));
    make(join(folder, "index.json"));
    await rejectsWith(code, store.resolve("v1"));
    await rejectsWith(code, tagsOf(store));
    await rejectsWith(code, store.tag(content.root, "v2"));
  });
}

test("ggcr#2306: blobs of another size than their descriptors are seen by who reads them", async (t) => {
  const { folder, store, content } = await layout(t);
  const [short, long] = content.nodes;
  assert.ok(short && long);
  truncateSync(blobPath(folder, content, 0), 10);
  truncateSync(blobPath(folder, content, 1), 2 ** 40);
  for (const each of [short, long]) assert.equal(await store.has(each), false);
  assert.equal((await bytesOf(store, short)).length, 10);
  // One byte more is enough to know that it is wrong; the rest of a terabyte is not read.
  assert.equal((await bytesOf(store, long)).length, long.bytes.length + 1);
  await writeContent(store, content);
  for (const each of content.nodes) assert.deepEqual(await bytesOf(store, each), each.bytes);
});
