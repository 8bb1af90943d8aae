import assert from "node:assert/strict";
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import test from "node:test";
import { bodyOf } from "../../src/bytes/body.ts";
import { streamOf } from "../../src/bytes/stream.ts";
import { isLadingError } from "../../src/errors.ts";
import { createOciArchive } from "../../src/stores/archive/archive-writer.ts";
import { openLayout } from "../../src/stores/layout/open.ts";
import { blob, image, writeContent } from "../support/content.ts";
import { needsSmallDisk, smallDisk } from "../support/small-disk.ts";
import { tagsOf } from "./contract.ts";

function isFull(error: unknown): boolean {
  assert.ok(isLadingError(error), String(error));
  assert.equal(error.code, "ERR_LADING_STORE");
  assert.match(error.hint ?? "", /disk is full/);
  return true;
}

test(
  "a full disk: the layout stays good, nothing of the blob shows or takes space",
  needsSmallDisk,
  async (t) => {
    const folder = join(await smallDisk(t, 4), "layout");
    const store = await openLayout(folder, { create: true });
    const content = image();
    await writeContent(store, content, "v1");
    const big = blob(6_000_000);
    await assert.rejects(store.write(big, bodyOf(big.bytes)), isFull);
    assert.equal(await store.has(big), false);
    const upload = await store.startUpload();
    await assert.rejects(upload.append(streamOf(big.bytes)), isFull);
    assert.equal(upload.offset, 0);
    await upload.discard();
    const report = await store.verify();
    assert.deepEqual([report.wrong, report.missing, report.orphaned], [[], [], []]);
    assert.deepEqual(readdirSync(folder).sort(), [".uploads", "blobs", "index.json", "oci-layout"]);
    // With the space back it goes on.
    await writeContent(store, image({ seed: 2 }), "v2");
    assert.deepEqual(await tagsOf(store), ["v1", "v2"]);
  },
);

test("a full disk: the archive does not appear", needsSmallDisk, async (t) => {
  const folder = await smallDisk(t, 4);
  const path = join(folder, "archive.tar");
  const sink = await createOciArchive(path);
  const big = blob(6_000_000);
  await assert.rejects(sink.write(big, bodyOf(big.bytes)), isFull);
  assert.equal(await sink.has(big), false);
  await assert.rejects(sink.commit(), (error) => isLadingError(error));
  await sink[Symbol.asyncDispose]();
  assert.equal(existsSync(path), false);
  assert.deepEqual(readdirSync(folder), []);
});
