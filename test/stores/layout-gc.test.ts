import assert from "node:assert/strict";
import { readdirSync, symlinkSync, truncateSync, unlinkSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import test from "node:test";
import { bodyOf } from "../../src/bytes/body.ts";
import { hexOf } from "../../src/spec/digest.ts";
import type { LayoutStore } from "../../src/stores/layout/layout-store.ts";
import { openLayout } from "../../src/stores/layout/open.ts";
import { artifact, blob, type Content, image, index, node, writeContent } from "../support/content.ts";
import { tempDir } from "../support/tmp.ts";
import { rejectsWith, tagsOf } from "./contract.ts";

const file = (folder: string, digest: Parameters<typeof hexOf>[0]) =>
  join(folder, "blobs", digest.slice(0, 6), hexOf(digest));

async function holds(store: LayoutStore, content: Content): Promise<boolean[]> {
  return [...new Set(await Promise.all(content.nodes.map((each) => store.has(each))))];
}

test("gc removes what nothing reaches and keeps the rest, referrers too", async (t) => {
  const store = await openLayout(await tempDir(t), { create: true });
  const named = index([image({ seed: 1 }), image({ seed: 2, algorithm: "sha512" })]);
  const referrer = artifact({ seed: 3, subject: named.root });
  const untagged = image({ seed: 4 });
  await writeContent(store, named, "v1");
  await writeContent(store, referrer);
  await writeContent(store, untagged);
  const garbage = blob(1234, 9);
  await store.write(garbage, bodyOf(garbage.bytes));

  assert.equal((await store.gc()).young, 1);
  assert.deepEqual((await store.gc({ graceMs: -1, dryRun: true })).removed, [
    { digest: garbage.descriptor.digest, size: 1234 },
  ]);
  assert.equal(await store.has(garbage), true);
  const report = await store.gc({ graceMs: -1 });
  assert.equal(report.freedBytes, 1234);
  assert.equal(report.kept, named.nodes.length + referrer.nodes.length + untagged.nodes.length);
  assert.equal(await store.has(garbage), false);

  const strict = await store.gc({ graceMs: -1, untagged: true });
  assert.deepEqual(strict.unlisted, [untagged.root.digest]);
  assert.deepEqual(await holds(store, untagged), [false]);
  for (const content of [named, referrer]) assert.deepEqual(await holds(store, content), [true]);
  assert.deepEqual(await tagsOf(store), ["v1"]);
  assert.deepEqual((await store.verify()).orphaned, []);
});

test("gc spares a blob that a writer found present a moment ago", async (t) => {
  const folder = await tempDir(t);
  const store = await openLayout(folder, { create: true });
  const old = blob(1000, 1);
  await store.write(old, bodyOf(old.bytes));
  const hourAgo = new Date(Date.now() - 2 * 3600_000);
  utimesSync(file(folder, old.descriptor.digest), hourAgo, hourAgo);
  assert.equal((await store.gc({ dryRun: true })).removed.length, 1);
  assert.equal(await store.has(old), true);
  assert.equal((await store.gc()).removed.length, 0);
});

test("gc keeps whatever a manifest of an unknown kind names", async (t) => {
  const store = await openLayout(await tempDir(t), { create: true });
  const needed = blob(100, 1);
  const strange = node(
    "manifest",
    "application/vnd.example.strange+json",
    Buffer.from(JSON.stringify({ parts: { a: needed.descriptor.digest } })),
  );
  for (const each of [needed, strange]) await store.write(each, bodyOf(each.bytes));
  await store.gc({ graceMs: -1 });
  assert.equal(await store.has(needed), true);
});

test("gc removes nothing when a manifest is damaged", async (t) => {
  const folder = await tempDir(t);
  const store = await openLayout(folder, { create: true });
  const content = image();
  await writeContent(store, content, "v1");
  truncateSync(file(folder, content.root.digest), 10);
  await rejectsWith("ERR_LADING_DIGEST_MISMATCH", store.gc({ graceMs: -1 }));
  assert.equal(readdirSync(join(folder, "blobs/sha256")).length, content.nodes.length);
});

test("verify finds what is missing, wrong, orphaned and strange", async (t) => {
  const folder = await tempDir(t);
  const store = await openLayout(folder, { create: true });
  const contents = [1, 2, 3, 4, 5].map((seed) => image({ seed, foreign: seed === 5 }));
  for (const [i, content] of contents.entries()) await writeContent(store, content, `v${i}`);
  const good = await store.verify();
  assert.deepEqual([good.missing, good.wrong, good.orphaned, good.unexpected], [[], [], [], []]);
  assert.equal(good.checked, 20);

  const layer = contents.map(({ nodes, root }) => file(folder, nodes[0]?.descriptor.digest ?? root.digest));
  unlinkSync(layer[0] ?? "");
  truncateSync(layer[1] ?? "", 5);
  const size = contents[2]?.nodes[0]?.bytes.length ?? 0;
  writeFileSync(layer[2] ?? "", Buffer.alloc(size));
  unlinkSync(layer[3] ?? "");
  symlinkSync("/etc/passwd", layer[3] ?? "");
  const orphan = blob(77, 99);
  await store.write(orphan, bodyOf(orphan.bytes));
  writeFileSync(join(folder, "blobs/sha256/README"), "x");

  const bad = await store.verify();
  assert.equal(bad.missing.length, 1);
  assert.equal(bad.missing[0]?.path[0], contents[0]?.root.digest);
  assert.deepEqual(bad.wrong.map(({ message }) => message.replace(/\d+|sha256:[0-9a-f]+/g, "…")).sort(), [
    "it has … bytes and should have …",
    "it is not a regular file",
    "its bytes are …",
  ]);
  assert.deepEqual(bad.orphaned, [{ digest: orphan.descriptor.digest, size: 77 }]);
  assert.deepEqual(bad.unexpected, ["blobs/sha256/README"]);
  // Writing again heals all of it: presence is asked for each node.
  for (const content of contents) await writeContent(store, content);
  const healed = await store.verify();
  assert.deepEqual(healed.missing, []);
  assert.deepEqual(
    healed.wrong.map(({ digest }) => digest),
    [],
  );
});
