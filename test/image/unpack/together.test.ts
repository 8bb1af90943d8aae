import assert from "node:assert/strict";
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import test from "node:test";
import { DigestMismatchError } from "../../../src/errors.ts";
import type { UnpackOptions } from "../../../src/image/unpack/options.ts";
import { unpackImage, unpackTogether } from "../../../src/image/unpack/unpack.ts";
import { layerImage } from "../../support/layer-image.ts";
import { type EntrySpec, tarOf } from "../../support/tar.ts";
import { tempDir } from "../../support/tmp.ts";
import { treeOf } from "../../support/tree.ts";

// Modes below are what this leaves of them.
process.umask(0o022);

const folder = (name: string, mode = 0o700): EntrySpec => ({ name, type: "directory", mode });
const image = (...layers: readonly (readonly EntrySpec[])[]) =>
  layerImage(layers.map((specs) => tarOf(...specs)));
const upper = (bytes: Uint8Array) => Buffer.from(Buffer.from(bytes).toString().toUpperCase());

for (const walk of ["descriptors", "paths"] as const) {
  test(`images in images, and a changed file, by ${walk}`, async (t) => {
    const base = await tempDir(t);
    const target = join(base, "out");
    mkdirSync(target);
    writeFileSync(join(target, "old"), "old");
    const first = image([
      folder("a", 0o500),
      { name: "a/lock", data: "first", mode: 0o640, mtime: 5 },
      { name: "a/same", type: "hardlink", linkName: "a/lock" },
      { name: "a/in/one/left", data: "of the first image" },
    ]);
    const inner = image([{ name: "lock", data: "inner" }], [{ name: "upper", data: "x" }]);
    const change = (path: string) => ({ path, maxBytes: 10, content: upper });
    const results = await unpackTogether(
      { ...first, change: change("a/lock") },
      [
        { ...inner, at: "a/in/one", change: change("lock") },
        { ...inner, at: "a/in/two", change: { ...change("lock"), content: () => undefined } },
      ],
      target,
      { existing: "replace", walk },
    );
    assert.deepEqual(treeOf(target), [
      "dir 500 a",
      "dir 755 a/in",
      "dir 755 a/in/one",
      'file 644 a/in/one/lock "INNER"',
      'file 644 a/in/one/upper "x"',
      "dir 755 a/in/two",
      'file 644 a/in/two/lock "inner"',
      'file 644 a/in/two/upper "x"',
      'file 640 a/lock "FIRST"',
      'file 640 a/same "first"',
    ]);
    assert.deepEqual(
      results.map(({ files, bytes }) => [files, bytes]),
      [
        [2, 23],
        [2, 6],
        [2, 6],
      ],
    );
    assert.deepEqual(readdirSync(base), ["out"]);
  });

  test(`nothing leaves the target through what the first image has in the way, by ${walk}`, async (t) => {
    for (const throughLinks of ["refuse", "inside"] as const) {
      const base = await tempDir(t);
      mkdirSync(join(base, "outside"));
      writeFileSync(join(base, "outside/lock"), "untouched");
      const link = (name: string, linkName: string): EntrySpec => ({ name, type: "symlink", linkName });
      const inner = image([{ name: "f", data: "x" }]);
      const firsts = [
        image([link("a", join(base, "outside"))]),
        image([link("a", "../outside")]),
        image([folder("a"), link("a/n", "../../outside"), link("a/lock", "../../outside/lock")]),
      ];
      for (const first of firsts) {
        for (const at of ["a/n", "a/lock"]) {
          await unpackTogether(first, [{ ...inner, at }], join(base, "out"), {
            existing: "replace",
            throughLinks,
            walk,
          }).catch((error: { code?: unknown }) => assert.equal(error.code, "ERR_LADING_UNSAFE_PATH"));
        }
        const change = { path: "a/lock", maxBytes: 99, content: upper };
        const code = /^ERR_LADING_(DOCUMENT|UNSAFE_PATH)$/;
        const options: UnpackOptions = { existing: "replace", throughLinks, walk };
        await assert.rejects(unpackTogether({ ...first, change }, [], join(base, "out"), options), { code });
      }
      assert.deepEqual(treeOf(join(base, "outside")), ['file 644 lock "untouched"']);
      assert.deepEqual(
        readdirSync(base).filter((name) => name !== "out"),
        ["outside"],
      );
    }
  });
}

test("whatever fails, the old content stays and nothing else does", async (t) => {
  const base = await tempDir(t);
  const target = join(base, "out");
  mkdirSync(target);
  writeFileSync(join(target, "old"), "old");
  const first = image([{ name: "lock", data: "first" }]);
  const damaged = image([{ name: "f", data: "x" }]);
  const [layer] = damaged.manifest.layers;
  assert.ok(layer !== undefined);
  damaged.blobs.set(layer.digest, tarOf({ name: "f", data: "y" }));
  const replace = { existing: "replace" } as const;
  await assert.rejects(
    unpackTogether(first, [{ ...damaged, at: "in" }], target, replace),
    DigestMismatchError,
  );
  const failing = (path: string, maxBytes: number) => ({
    ...first,
    change: {
      path,
      maxBytes,
      content: () => {
        throw new Error("refused by the caller");
      },
    },
  });
  await assert.rejects(unpackTogether(failing("lock", 5), [], target, replace), /refused by the caller/);
  await assert.rejects(unpackTogether(failing("lock", 4), [], target, replace), {
    code: "ERR_LADING_LIMIT",
  });
  await assert.rejects(unpackTogether(failing("absent", 5), [], target, replace), {
    code: "ERR_LADING_DOCUMENT",
  });
  await assert.rejects(unpackTogether(first, [{ ...first, at: "../x" }], target, replace), {
    code: "ERR_LADING_UNSAFE_PATH",
  });
  assert.equal(readFileSync(join(target, "old"), "utf8"), "old");
  assert.deepEqual(readdirSync(target), ["old"]);
  assert.deepEqual(readdirSync(base), ["out"]);
});

test("shared modes: what is the owner's alone is everybody's, folders are open, and the umask counts", async (t) => {
  const { source, manifest } = image([
    folder("d", 0o700),
    folder("r", 0o500),
    { name: "d/run", data: "", mode: 0o700 },
    { name: "d/text", data: "", mode: 0o600 },
    { name: "d/read", data: "", mode: 0o400 },
    { name: "d/group", data: "", mode: 0o640 },
    { name: "d/su", data: "", mode: 0o4700 },
    { name: "d/none", data: "", mode: 0 },
  ]);
  const modes = async (umask: number): Promise<string[]> => {
    const target = join(await tempDir(t), "out");
    const before = process.umask(umask);
    try {
      await unpackImage(source, manifest, target, { modes: "shared" });
    } finally {
      process.umask(before);
    }
    return treeOf(target).map((line) => line.split(" ").slice(1, 3).join(" "));
  };
  assert.deepEqual(await modes(0o022), [
    "755 d",
    "640 d/group",
    "0 d/none",
    "444 d/read",
    "755 d/run",
    "755 d/su",
    "644 d/text",
    "755 r",
  ]);
  assert.deepEqual(await modes(0o077), [
    "700 d",
    "600 d/group",
    "0 d/none",
    "400 d/read",
    "700 d/run",
    "700 d/su",
    "600 d/text",
    "700 r",
  ]);
});
