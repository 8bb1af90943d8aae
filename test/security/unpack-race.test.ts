import assert from "node:assert/strict";
import { mkdirSync, readdirSync, renameSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import test from "node:test";
import { streamOf } from "../../src/bytes/stream.ts";
import { unpackLayer } from "../../src/image/unpack/unpack.ts";
import { type EntrySpec, tarOf } from "../support/tar.ts";
import { tempDir } from "../support/tmp.ts";
import { treeOf } from "../support/tree.ts";

// The class of CVE-2019-10152 and of node-tar's races: another process puts a link in a folder's place between the check
// and the use. Folders are held by descriptor, so what was checked is what is used.

/** Unpacks, and after the file `after` swaps `folder` of the half-made tree for a link to a folder outside. */
async function swapDuring(t: test.TestContext, specs: readonly EntrySpec[], after: string, folder: string) {
  const base = await tempDir(t);
  const victim = join(base, "outside");
  mkdirSync(victim);
  writeFileSync(join(victim, "canary"), "untouched");
  const before = treeOf(victim, { times: true });
  let swapped = false;
  const unpacking = unpackLayer(streamOf(tarOf(...specs)), join(base, "target"), {
    on: (event) => {
      if (event.type !== "file" || event.path !== after) return;
      const temp = readdirSync(base).find((name) => name.startsWith(".target.lading-"));
      assert.ok(temp !== undefined);
      renameSync(join(base, temp, folder), join(base, temp, "moved"));
      symlinkSync(victim, join(base, temp, folder));
      swapped = true;
    },
  });
  const failure = await unpacking.then(
    () => undefined,
    (error: unknown) => error,
  );
  assert.ok(swapped);
  assert.deepEqual(treeOf(victim, { times: true }), before);
  assert.deepEqual(
    readdirSync(base).filter((name) => name !== "target"),
    ["outside"],
  );
  return { failure, target: join(base, "target") };
}

test("files go on into the folder that was opened, not into the link that took its name", async (t) => {
  const specs = [
    { name: "x/first", data: "1" },
    { name: "x/canary", data: "evil" },
  ];
  const { failure, target } = await swapDuring(t, specs, "x/first", "x");
  assert.equal(failure, undefined);
  assert.ok(treeOf(target).includes('file 644 moved/canary "evil"'));
});

test("a folder that is opened only after the swap is not followed", async (t) => {
  const specs: EntrySpec[] = [
    { name: "x", type: "directory" },
    { name: "first", data: "1" },
    { name: "x/canary", data: "evil" },
  ];
  const { failure } = await swapDuring(t, specs, "first", "x");
  assert.equal((failure as { code?: string }).code, "ERR_LADING_UNSAFE_PATH");
});

test("modes and times at the end do not go through the swapped folder", async (t) => {
  const specs: EntrySpec[] = [
    { name: "x", type: "directory", mode: 0o777, mtime: 5 },
    { name: "last", data: "1" },
  ];
  const { failure } = await swapDuring(t, specs, "last", "x");
  assert.equal((failure as { code?: string }).code, "ERR_LADING_UNSAFE_PATH");
});

test("removing does not go through the swapped folder", async (t) => {
  const specs: EntrySpec[] = [
    { name: "x/canary", data: "mine" },
    { name: "first", data: "1" },
    { name: "x", data: "a file in its place" },
  ];
  const { failure } = await swapDuring(t, specs, "first", "x");
  assert.equal(failure, undefined);
});
