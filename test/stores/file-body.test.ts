import assert from "node:assert/strict";
import { readdirSync, readlinkSync, symlinkSync, writeFileSync } from "node:fs";
import { open } from "node:fs/promises";
import { join } from "node:path";
import test from "node:test";
import { collect } from "../../src/bytes/collect.ts";
import { fileBody } from "../../src/stores/file-body.ts";
import { sampleBytes } from "../support/sample-bytes.ts";
import { tempDir } from "../support/tmp.ts";
import { rejectsWith } from "./contract.ts";

const bytes = sampleBytes(1_700_000);

/** How often this process has the file open. */
function timesOpen(path: string): number {
  return readdirSync("/proc/self/fd").filter((fd) => {
    try {
      return readlinkSync(`/proc/self/fd/${fd}`) === path;
    } catch {
      return false;
    }
  }).length;
}

test("a part of a file, from any offset, by path and by handle", async (t) => {
  const path = join(await tempDir(t), "file");
  writeFileSync(path, bytes);
  const handle = await open(path);
  t.after(() => handle.close());
  for (const file of [path, handle]) {
    const body = fileBody(file, { offset: 1000, size: 1_600_000 });
    for (const offset of [0, 1, 524_288, 1_599_999, 1_600_000, 9_999_999]) {
      const read = await collect(await body.open({ offset }), 1 << 30, "file");
      assert.deepEqual(read, bytes.subarray(1000 + offset, Math.max(1000 + offset, 1_601_000)));
    }
  }
  assert.equal(timesOpen(path), 1);
});

test("the file is closed when its stream is left, fails or is never begun", async (t) => {
  const path = join(await tempDir(t), "file");
  writeFileSync(path, bytes);
  const body = fileBody(path, { offset: 0, size: bytes.length });
  for await (const _ of await body.open({ offset: 0 })) break;
  const controller = new AbortController();
  await assert.rejects(async () => {
    for await (const _ of await body.open({ offset: 0, signal: controller.signal })) {
      controller.abort(new Error("enough"));
    }
  }, /enough/);
  await assert.rejects(body.open({ offset: 0, signal: controller.signal }), /enough/);
  const stream = await body.open({ offset: 0 });
  await stream[Symbol.asyncIterator]().return?.();
  assert.equal(timesOpen(path), 0);
});

test("a file that ends before its part does is told, and a link is not followed", async (t) => {
  const folder = await tempDir(t);
  const path = join(folder, "file");
  writeFileSync(path, bytes);
  const body = fileBody(path, { offset: 0, size: bytes.length + 1 });
  const read = async () => collect(await body.open({ offset: 0 }), 1 << 30, "file");
  await rejectsWith("ERR_LADING_SIZE_MISMATCH", read());
  symlinkSync(path, join(folder, "link"));
  const link = fileBody(join(folder, "link"), { offset: 0, size: 1 });
  await rejectsWith("ERR_LADING_STORE", link.open({ offset: 0 }));
  const absent = fileBody(join(folder, "absent"), { offset: 0, size: 1 });
  await rejectsWith("ERR_LADING_NOT_FOUND", absent.open({ offset: 0 }));
});
