import assert from "node:assert/strict";
import { chmodSync, mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import test from "node:test";
import type { UnpackResult } from "../../../src/image/unpack/options.ts";
import type { StagedFolder } from "../../../src/image/unpack/staged-folder.ts";
import { unpackImage } from "../../../src/image/unpack/unpack.ts";
import { layerImage } from "../../support/layer-image.ts";
import { type EntrySpec, tarOf } from "../../support/tar.ts";
import { tempDir } from "../../support/tmp.ts";
import { treeOf } from "../../support/tree.ts";

// Modes below are what this leaves of them.
process.umask(0o022);

const folder = (name: string, mode = 0o700): EntrySpec => ({ name, type: "directory", mode });
const image = (...layers: readonly (readonly EntrySpec[])[]) =>
  layerImage(layers.map((specs) => tarOf(...specs)));
/** Changes a file into its own capitals. */
const raise = (path: string) => (staged: StagedFolder) =>
  staged.replaceFile(path, Buffer.from(staged.readFile(path, 10)).toString().toUpperCase());

for (const walk of ["descriptors", "paths"] as const) {
  test(`images in images, and changed files, by ${walk}`, async (t) => {
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
    const results: UnpackResult[] = [];
    const result = await unpackImage(
      first.source,
      first.manifest,
      target,
      { existing: "replace", walk },
      async (staged) => {
        raise("a/lock")(staged);
        results.push(await staged.unpack("a/in/one", inner, raise("lock")));
        results.push(
          await staged.unpack("a/in/two", inner, (within) => within.unpack("b", inner).then(() => {})),
        );
        assert.deepEqual(readdirSync(target), ["old"]);
      },
    );
    assert.deepEqual(treeOf(target), [
      "dir 500 a",
      "dir 755 a/in",
      "dir 755 a/in/one",
      'file 644 a/in/one/lock "INNER"',
      'file 644 a/in/one/upper "x"',
      "dir 755 a/in/two",
      "dir 755 a/in/two/b",
      'file 644 a/in/two/b/lock "inner"',
      'file 644 a/in/two/b/upper "x"',
      'file 644 a/in/two/lock "inner"',
      'file 644 a/in/two/upper "x"',
      'file 640 a/lock "FIRST"',
      'file 640 a/same "first"',
    ]);
    assert.deepEqual(
      [result, ...results].map(({ files, bytes }) => [files, bytes]),
      [
        [2, 23],
        [2, 6],
        [2, 6],
      ],
    );
    assert.deepEqual(readdirSync(base), ["out"]);
    // So that a user who is not root can clean up.
    chmodSync(join(target, "a"), 0o755);
  });

  test(`nothing is read or written through what an image has in the way, by ${walk}`, async (t) => {
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
      const tasks: ((staged: StagedFolder) => unknown)[] = [
        (staged) => staged.readFile("a/lock", 99),
        (staged) => staged.replaceFile("a/lock", "changed"),
        (staged) => staged.unpack("a/n", inner),
        (staged) => staged.unpack("a/lock", inner),
      ];
      for (const { source, manifest } of firsts) {
        for (const [i, task] of tasks.entries()) {
          const unpacking = unpackImage(
            source,
            manifest,
            join(base, "out"),
            { existing: "replace", throughLinks, walk },
            async (staged) => {
              await task(staged);
            },
          );
          const code = /^ERR_LADING_(DOCUMENT|UNSAFE_PATH)$/;
          // A whole image may take the place of a link, or lie where the link leads within the target.
          if (i < 2) await assert.rejects(unpacking, { code });
          else await unpacking.catch((error: { code: string }) => assert.match(error.code, code));
        }
      }
      assert.deepEqual(treeOf(join(base, "outside")), ['file 644 lock "untouched"']);
      assert.deepEqual(
        readdirSync(base).filter((name) => name !== "out"),
        ["outside"],
      );
    }
  });
}

test("whatever fails before the folder appears, the old content stays and nothing else does", async (t) => {
  const base = await tempDir(t);
  const target = join(base, "out");
  mkdirSync(target);
  writeFileSync(join(target, "old"), "old");
  const { source, manifest } = image([{ name: "lock", data: "first" }]);
  const damaged = image([{ name: "f", data: "x" }]);
  const [layer] = damaged.manifest.layers;
  assert.ok(layer !== undefined);
  damaged.blobs.set(layer.digest, tarOf({ name: "f", data: "y" }));
  const failing: [(staged: StagedFolder) => unknown, object][] = [
    [(staged) => staged.unpack("in", damaged), { code: "ERR_LADING_DIGEST_MISMATCH" }],
    [(staged) => staged.unpack("../x", { source, manifest }), { code: "ERR_LADING_UNSAFE_PATH" }],
    [(staged) => staged.unpack(".", { source, manifest }), { code: "ERR_LADING_UNSAFE_PATH" }],
    [(staged) => staged.readFile("lock", 4), { code: "ERR_LADING_LIMIT" }],
    [(staged) => staged.readFile("absent", 4), { code: "ERR_LADING_DOCUMENT" }],
    [(staged) => staged.replaceFile("no/such/file", ""), { code: "ERR_LADING_DOCUMENT" }],
    [() => Promise.reject(new Error("refused by the caller")), { message: "refused by the caller" }],
  ];
  for (const [task, error] of failing) {
    const unpacking = unpackImage(source, manifest, target, { existing: "replace" }, async (staged) => {
      await task(staged);
    });
    await assert.rejects(unpacking, error);
    assert.deepEqual(treeOf(target), ['file 644 old "old"']);
    assert.deepEqual(readdirSync(base), ["out"]);
  }
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
