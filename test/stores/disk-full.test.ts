import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, rmdirSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test, { type TestContext } from "node:test";
import { bodyOf } from "../../src/bytes/body.ts";
import { streamOf } from "../../src/bytes/stream.ts";
import { isLadingError } from "../../src/errors.ts";
import { createOciArchive } from "../../src/stores/archive/archive-writer.ts";
import { openLayout } from "../../src/stores/layout/open.ts";
import { blob, image, writeContent } from "../support/content.ts";
import { tagsOf } from "./contract.ts";

const asRoot = { skip: process.getuid?.() === 0 ? false : "needs root to mount a small file system" };

const run = (program: string, ...args: readonly string[]) => void execFileSync(program, args);

/** A file system of 4 MiB. */
async function smallDisk(t: TestContext): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), "lading-disk-"));
  run("mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", folder);
  t.after(() => {
    run("umount", folder);
    rmdirSync(folder);
  });
  return folder;
}

function isFull(error: unknown): boolean {
  assert.ok(isLadingError(error), String(error));
  assert.equal(error.code, "ERR_LADING_STORE");
  assert.match(error.hint ?? "", /disk is full/);
  return true;
}

test("a full disk: the layout stays good, nothing of the blob shows or takes space", asRoot, async (t) => {
  const folder = join(await smallDisk(t), "layout");
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
});

test("a full disk: the archive does not appear", asRoot, async (t) => {
  const folder = await smallDisk(t);
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
