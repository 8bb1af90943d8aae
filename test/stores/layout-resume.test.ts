import assert from "node:assert/strict";
import { readdirSync, symlinkSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import test, { type TestContext } from "node:test";
import type { Body } from "../../src/bytes/body.ts";
import { bodyOf } from "../../src/bytes/body.ts";
import { hexOf } from "../../src/spec/digest.ts";
import type { LayoutStore } from "../../src/stores/layout/layout-store.ts";
import { openLayout } from "../../src/stores/layout/open.ts";
import { blob, type ContentNode } from "../support/content.ts";
import { tempDir } from "../support/tmp.ts";
import { bytesOf, rejectsWith } from "./contract.ts";

const size = 3_500_000;

/** A body that breaks after so many bytes, and notes where it was opened. */
function breaking(each: ContentNode, after: number, opened: number[] = []): Body {
  return {
    size,
    open: async ({ offset }) => {
      opened.push(offset);
      return (async function* () {
        for (let at = offset; at < size; at += 100_000) {
          if (at >= after) throw new Error("broken");
          yield each.bytes.subarray(at, Math.min(at + 100_000, size));
        }
      })();
    },
  };
}

async function fresh(t: TestContext): Promise<{ folder: string; store: LayoutStore; each: ContentNode }> {
  const folder = await tempDir(t);
  return { folder, store: await openLayout(folder, { create: true }), each: blob(size, 4) };
}

const leftOvers = (folder: string) =>
  readdirSync(folder).filter((name) => name.startsWith(".partial-") || name.startsWith(".tmp-"));

test("a download that broke off goes on where it was", async (t) => {
  const { folder, store, each } = await fresh(t);
  const opened: number[] = [];
  await assert.rejects(store.write(each, breaking(each, 1_500_000, opened)), /broken/);
  assert.deepEqual(leftOvers(folder), [`.partial-sha256-${hexOf(each.descriptor.digest)}`]);
  await assert.rejects(store.write(each, breaking(each, 2_500_000, opened)), /broken/);
  const events: number[] = [];
  await store.write(each, breaking(each, size, opened), {
    on: (event) => {
      if (event.type === "started") events.push(event.offset);
    },
  });
  assert.deepEqual(opened, [0, 1_500_000, 2_500_000]);
  assert.deepEqual(events, [2_500_000]);
  assert.deepEqual(await bytesOf(store, each), each.bytes);
  assert.deepEqual(leftOvers(folder), []);
});

test("a part that is damaged costs one more try, not the blob", async (t) => {
  const { folder, store, each } = await fresh(t);
  const part = join(folder, `.partial-sha256-${hexOf(each.descriptor.digest)}`);
  writeFileSync(part, Buffer.alloc(2_000_000));
  const opened: number[] = [];
  const types: string[] = [];
  await store.write(each, breaking(each, size, opened), { on: ({ type }) => types.push(type) });
  assert.deepEqual(opened, [2_000_000, 0]);
  assert.ok(types.includes("restarted"));
  assert.deepEqual(await bytesOf(store, each), each.bytes);

  const wrong = blob(size, 5);
  writeFileSync(join(folder, `.partial-sha256-${hexOf(wrong.descriptor.digest)}`), Buffer.alloc(2_000_000));
  await rejectsWith("ERR_LADING_DIGEST_MISMATCH", store.write(wrong, breaking(each, size)));
  assert.deepEqual(leftOvers(folder), []);
});

test("a part that is complete needs nothing of the source", async (t) => {
  const { folder, store, each } = await fresh(t);
  writeFileSync(join(folder, `.partial-sha256-${hexOf(each.descriptor.digest)}`), each.bytes);
  await store.write(each, { size, open: () => assert.fail("opened") });
  assert.deepEqual(await bytesOf(store, each), each.bytes);
});

test("a part that is too long or a link is not used", async (t) => {
  const { folder, store, each } = await fresh(t);
  const part = join(folder, `.partial-sha256-${hexOf(each.descriptor.digest)}`);
  writeFileSync(part, "");
  truncateSync(part, size + 1);
  const opened: number[] = [];
  await store.write(each, breaking(each, size, opened));
  await store.remove(each);
  const outside = join(await tempDir(t), "outside");
  writeFileSync(outside, each.bytes);
  symlinkSync(outside, part);
  await store.write(each, breaking(each, size, opened));
  assert.deepEqual(opened, [0, 0]);
  assert.deepEqual(await bytesOf(store, each), each.bytes);
});

test("short parts and wrong bytes are not kept", async (t) => {
  const { folder, store, each } = await fresh(t);
  await assert.rejects(store.write(each, breaking(each, 900_000)), /broken/);
  assert.deepEqual(leftOvers(folder), []);
  await rejectsWith("ERR_LADING_DIGEST_MISMATCH", store.write(each, bodyOf(blob(size, 6).bytes)));
  await rejectsWith("ERR_LADING_SIZE_MISMATCH", store.write(each, bodyOf(each.bytes.subarray(1))));
  assert.deepEqual(leftOvers(folder), []);
});

test("an abort keeps the part", async (t) => {
  const { folder, store, each } = await fresh(t);
  const controller = new AbortController();
  await assert.rejects(
    store.write(each, bodyOf(each.bytes), {
      signal: controller.signal,
      on: ({ type }) => {
        if (type === "progress") controller.abort(new Error("stop"));
      },
    }),
    /stop/,
  );
  assert.equal(leftOvers(folder).length, 1);
});

test("gc drops parts that nobody came back for", async (t) => {
  const { folder, store, each } = await fresh(t);
  await assert.rejects(store.write(each, breaking(each, 1_500_000)), /broken/);
  assert.equal((await store.gc()).freedBytes, 0);
  assert.equal((await store.gc({ graceMs: -1 })).freedBytes, 1_500_000);
  assert.deepEqual(leftOvers(folder), []);
});

test("of two writes at once only one reads; when it fails the other one takes over", async (t) => {
  const { store, each } = await fresh(t);
  const opened: number[] = [];
  const results = await Promise.allSettled([
    store.write(each, breaking(each, 2_000_000, opened)),
    store.write(each, breaking(each, size, opened)),
    store.write(each, breaking(each, size, opened)),
  ]);
  assert.deepEqual(
    results.map((result) => (result.status === "fulfilled" ? result.value : "failed")),
    ["failed", "written", "present"],
  );
  assert.deepEqual(opened, [0, 2_000_000]);
});

test("an upload goes on in another process", async (t) => {
  const { folder, store, each } = await fresh(t);
  const upload = await store.startUpload();
  await upload.append(
    (async function* () {
      yield each.bytes.subarray(0, 2_000_000);
    })(),
  );
  const other = await openLayout(folder, { create: true });
  const infos = [];
  for await (const info of other.uploads()) infos.push([info.id, info.size]);
  assert.deepEqual(infos, [[upload.id, 2_000_000]]);
  assert.equal(await other.expireUploads(60_000), 0);
  const again = await other.resumeUpload(upload.id);
  assert.equal(again?.offset, 2_000_000);
  await again.append(
    (async function* () {
      yield each.bytes.subarray(2_000_000);
    })(),
  );
  await again.finish(each.descriptor.digest);
  assert.deepEqual(await bytesOf(other, each), each.bytes);
  const old = await other.startUpload();
  await new Promise((resolve) => setTimeout(resolve, 20));
  assert.equal(await other.expireUploads(10), 1);
  assert.equal(await other.resumeUpload(old.id), undefined);
});

test("a blob is linked from another layout, not moved; a damaged one is not taken", async (t) => {
  const { store, each } = await fresh(t);
  await store.write(each, bodyOf(each.bytes));
  const folder = await tempDir(t);
  const other = await openLayout(folder, { create: true });
  assert.equal(await other.linkBlob(store, each.descriptor), "mounted");
  assert.equal(await other.linkBlob(store, each.descriptor), "present");
  assert.deepEqual(await bytesOf(other, each), each.bytes);
  await store.remove(each);
  assert.deepEqual(await bytesOf(other, each), each.bytes);
  await rejectsWith("ERR_LADING_NOT_FOUND", other.linkBlob(store, blob(10).descriptor));
  assert.deepEqual(leftOvers(folder), []);
});
