import assert from "node:assert/strict";
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import test from "node:test";
import { streamOf } from "../../../src/bytes/stream.ts";
import { isLadingError } from "../../../src/errors.ts";
import type { LadingEvent } from "../../../src/events.ts";
import { unpackFailure } from "../../../src/image/unpack/failure.ts";
import type { UnpackOptions } from "../../../src/image/unpack/options.ts";
import { unpackImage, unpackLayer } from "../../../src/image/unpack/unpack.ts";
import { layerImage } from "../../support/layer-image.ts";
import { type EntrySpec, tarOf } from "../../support/tar.ts";
import { tempDir } from "../../support/tmp.ts";
import { treeOf } from "../../support/tree.ts";

const dir = (name: string, more: Partial<EntrySpec> = {}): EntrySpec => ({
  name,
  type: "directory",
  ...more,
});
const link = (name: string, linkName: string): EntrySpec => ({ name, type: "symlink", linkName });
const hard = (name: string, linkName: string): EntrySpec => ({ name, type: "hardlink", linkName });

// Modes below are what this leaves of them.
process.umask(0o022);

async function unpacked(
  t: test.TestContext,
  layers: readonly (readonly EntrySpec[])[],
  options: UnpackOptions = {},
): Promise<string[]> {
  const target = join(await tempDir(t), "out");
  const { source, manifest } = layerImage(layers.map((specs) => tarOf(...specs)));
  await unpackImage(source, manifest, target, options);
  return treeOf(target);
}

for (const walk of ["descriptors", "paths"] as const) {
  test(`files, folders and links with modes and times, by ${walk}`, async (t) => {
    const target = join(await tempDir(t), "out");
    const image = layerImage(
      [
        tarOf(
          dir("./"),
          dir("etc/", { mtime: 1_111_111_111 }),
          { name: "./etc/hosts", data: "127.0.0.1", mode: 0o640, mtime: 1_222_222_222 },
          { name: "/abs/implied/run", data: "x", mode: 0o755 },
          { name: "bin/su", data: "su", mode: 0o4755 },
          dir("tmp", { mode: 0o1777 }),
          dir("locked", { mode: 0o555, mtime: 1_333_333_333 }),
          dir("locked/in", { mode: 0o500 }),
          { name: "locked/in/file", data: "inside", mode: 0o400 },
          link("etc/alternatives", "/etc/elsewhere"),
          link("etc/up", "../../../x"),
          hard("etc/hosts.hard", "./etc/hosts"),
          hard("etc/alternatives.hard", "etc/alternatives"),
          { name: "big", data: Buffer.alloc(3_000_000, "a") },
          { name: `${"n".repeat(200)}/grüße`, data: "long" },
        ),
      ],
      { gzip: true },
    );
    const result = await unpackImage(image.source, image.manifest, target, { walk });
    assert.deepEqual(treeOf(target), [
      "dir 755 abs",
      "dir 755 abs/implied",
      'file 755 abs/implied/run "x"',
      "file 644 big 2a152c894398719c",
      "dir 755 bin",
      'file 755 bin/su "su"',
      "dir 755 etc",
      "link etc/alternatives -> /etc/elsewhere",
      "link etc/alternatives.hard -> /etc/elsewhere",
      'file 640 etc/hosts "127.0.0.1"',
      "hard etc/hosts.hard = etc/hosts",
      "link etc/up -> ../../../x",
      "dir 555 locked",
      "dir 500 locked/in",
      'file 400 locked/in/file "inside"',
      `dir 755 ${"n".repeat(200)}`,
      `file 644 ${"n".repeat(200)}/grüße "long"`,
      "dir 755 tmp",
    ]);
    assert.deepEqual(result, {
      files: 6,
      directories: 4,
      symlinks: 2,
      hardLinks: 2,
      bytes: 3_000_022,
      skipped: 0,
    });
    const seconds = (path: string): number => lstatSync(join(target, path)).mtimeMs / 1000;
    assert.equal(seconds("etc"), 1_111_111_111);
    assert.equal(seconds("etc/hosts"), 1_222_222_222);
    assert.equal(seconds("locked"), 1_333_333_333);
    assert.equal(seconds("etc/up"), 1_000_000_000);
    // So that a user who is not root can clean up.
    for (const path of ["locked", "locked/in"]) chmodSync(join(target, path), 0o755);
  });

  test(`three layers with whiteouts, by ${walk}`, async (t) => {
    const tree = await unpacked(
      t,
      [
        [
          dir("a"),
          { name: "a/one", data: "1" },
          { name: "a/two", data: "1" },
          { name: "a/sub/deep", data: "1" },
          { name: "b/keep", data: "1" },
          { name: "b/gone", data: "1" },
          { name: "c", data: "1" },
          { name: "d/x", data: "1" },
          { name: "e/old", data: "1" },
          { name: "e/sub/old", data: "1" },
          { name: "e/only-old/x", data: "1" },
        ],
        [
          { name: "b/.wh.gone" },
          { name: ".wh.c" },
          { name: ".wh.d" },
          { name: "a/three", data: "2" },
          { name: "a/.wh.nothing" },
          { name: "no/such/.wh.folder" },
          // What stands before and after the opaque mark is of this layer alike.
          { name: "e/new", data: "2" },
          { name: "e/sub/new", data: "2" },
          { name: "e/.wh..wh..opq" },
          { name: "e/late", data: "2" },
          { name: ".wh..wh.aufs", data: "nothing" },
          { name: ".wh..wh.plnk/1.2", data: "nothing" },
        ],
        [
          { name: "c", data: "3" },
          { name: "a/.wh..wh..opq" },
          { name: "a/four", data: "3" },
          // Hidden by a whiteout of the same layer, which means only the one below.
          { name: "b/keep", data: "3" },
          { name: "b/.wh.keep" },
        ],
      ],
      { walk },
    );
    assert.deepEqual(tree, [
      "dir 755 a",
      'file 644 a/four "3"',
      "dir 755 b",
      'file 644 b/keep "3"',
      'file 644 c "3"',
      "dir 755 e",
      'file 644 e/late "2"',
      'file 644 e/new "2"',
      "dir 755 e/sub",
      'file 644 e/sub/new "2"',
    ]);
  });

  test(`an entry takes the place of one of another type, by ${walk}`, async (t) => {
    const tree = await unpacked(
      t,
      [
        [
          { name: "to-dir", data: "f" },
          { name: "to-file/x/y", data: "d" },
          link("to-both", "to-dir"),
          { name: "to-link/x", data: "d" },
        ],
        [
          dir("to-dir"),
          { name: "to-dir/in", data: "2" },
          { name: "to-file", data: "2" },
          { name: "to-both", data: "2" },
          link("to-link", "to-file"),
        ],
        [
          { name: "to-both", data: "3" },
          hard("to-dir/in", "to-file"),
          dir("to-link"),
          { name: "to-link/z", data: "3" },
        ],
      ],
      { walk },
    );
    assert.deepEqual(tree, [
      'file 644 to-both "3"',
      "dir 755 to-dir",
      'file 644 to-dir/in "2"',
      "hard to-file = to-dir/in",
      "dir 755 to-link",
      'file 644 to-link/z "3"',
    ]);
  });

  test(`folders nested deeper than are held open, with a hard link across, by ${walk}`, async (t) => {
    const deep = (letter: string): string => `${letter}/`.repeat(255);
    const target = join(await tempDir(t), "o");
    const tar = tarOf(
      { name: `${deep("a")}file`, data: "deep" },
      hard(`${deep("b")}hard`, `${deep("a")}file`),
    );
    await unpackLayer(streamOf(tar), target, { walk });
    assert.equal(readFileSync(join(target, `${deep("b")}hard`), "utf8"), "deep");
    assert.deepEqual(readdirSync(target).sort(), ["a", "b"]);
  });
}

test("a path through a link of the image is refused, or taken inside the target on request", async (t) => {
  const layers = [
    [dir("usr/lib"), link("lib", "usr/lib"), link("lib64", "/usr/./lib/../lib"), link("out", "../../../usr")],
    [
      { name: "lib/a", data: "a" },
      { name: "lib64/b", data: "b" },
      { name: "out/lib/c", data: "c" },
    ],
    [{ name: "lib/.wh.a" }],
  ];
  await assert.rejects(unpacked(t, layers), {
    code: "ERR_LADING_UNSAFE_PATH",
    message: /"lib" is a symbolic link/,
  });
  for (const walk of ["descriptors", "paths"] as const) {
    assert.deepEqual(await unpacked(t, layers, { walk, throughLinks: "inside" }), [
      "link lib -> usr/lib",
      "link lib64 -> /usr/./lib/../lib",
      "link out -> ../../../usr",
      "dir 755 usr",
      "dir 755 usr/lib",
      'file 644 usr/lib/b "b"',
      'file 644 usr/lib/c "c"',
    ]);
  }
});

test("devices and fifos are left out with a warning", async (t) => {
  const events: LadingEvent[] = [];
  const specs: EntrySpec[] = [
    { name: "null", type: "character", devMajor: 1, devMinor: 3 },
    { name: "pipe", type: "fifo" },
  ];
  assert.deepEqual(await unpacked(t, [specs], { on: (event) => events.push(event) }), []);
  assert.deepEqual(
    events.flatMap((event) => (event.type === "warning" ? [event.message] : [])),
    ['"null" is a character device and was not unpacked', '"pipe" is a fifo and was not unpacked'],
  );
});

test("special bits and owners come only on request", {
  skip: process.geteuid?.() !== 0 && "needs root",
}, async (t) => {
  const target = join(await tempDir(t), "out");
  const specs: EntrySpec[] = [
    dir("d", { uid: 11, gid: 12, mode: 0o2775 }),
    { name: "d/su", data: "su", mode: 0o6777, uid: 13, gid: 14 },
    { ...link("d/l", "su"), uid: 15, gid: 16 },
  ];
  const tar = tarOf(...specs);
  await unpackLayer(streamOf(tar), target, { sameOwner: true, specialBits: true });
  assert.deepEqual(treeOf(target, { owners: true }), [
    "dir 2775 d 11:12",
    "link d/l -> su 15:16",
    'file 6777 d/su "su" 13:14',
  ]);
  await unpackLayer(streamOf(tar), target, { existing: "replace" });
  assert.deepEqual(treeOf(target, { owners: true }), [
    "dir 755 d 0:0",
    "link d/l -> su 0:0",
    'file 755 d/su "su" 0:0',
  ]);
});

test("the umask holds for files, folders and the target", async (t) => {
  const target = join(await tempDir(t), "out");
  process.umask(0o027);
  try {
    await unpackLayer(
      streamOf(tarOf(dir("d", { mode: 0o777 }), { name: "d/f", mode: 0o666 }, { name: "i/x" })),
      target,
    );
  } finally {
    process.umask(0o022);
  }
  assert.equal(statSync(target).mode & 0o777, 0o750);
  assert.deepEqual(treeOf(target), ["dir 750 d", 'file 640 d/f ""', "dir 750 i", 'file 640 i/x ""']);
});

test("times can be left alone", async (t) => {
  const target = join(await tempDir(t), "out");
  const before = Date.now();
  await unpackLayer(streamOf(tarOf(dir("d"), { name: "f" }, link("l", "f"))), target, { times: false });
  for (const name of ["d", "f", "l"]) assert.ok(lstatSync(join(target, name)).mtimeMs >= before - 1000);
});

test("a target with content is refused and stays, or is replaced as a whole", async (t) => {
  const base = await tempDir(t);
  const target = join(base, "out");
  mkdirSync(join(target, "locked"), { recursive: true });
  writeFileSync(join(target, "locked", "old"), "old");
  symlinkSync(base, join(target, "to-base"));
  chmodSync(join(target, "locked"), 0o555);
  chmodSync(target, 0o750);
  const tar = tarOf({ name: "new", data: "new" });
  const before = treeOf(target);
  await assert.rejects(unpackLayer(streamOf(tar), target), {
    code: "ERR_LADING_STORE",
    message: /not empty/,
  });
  assert.deepEqual(treeOf(target), before);
  await unpackLayer(streamOf(tar), target, { existing: "replace" });
  assert.deepEqual(treeOf(target), ['file 644 new "new"']);
  assert.equal(statSync(target).mode & 0o777, 0o750);
  assert.deepEqual(readdirSync(base), ["out"]);
});

test("the tree can be built inside the target, where that cannot be renamed", async (t) => {
  const base = await tempDir(t);
  const target = join(base, "out");
  mkdirSync(join(target, "old", "deep"), { recursive: true });
  writeFileSync(join(target, "new"), "was here");
  const inode = statSync(target).ino;
  const tar = tarOf({ name: "new/file", data: "new" }, link("l", "x"));
  const options = { existing: "replace", staging: "inside" } as const;
  await assert.rejects(unpackLayer(streamOf(tar.subarray(0, 700)), target, options), {
    code: "ERR_LADING_ARCHIVE",
  });
  assert.deepEqual(treeOf(target), ['file 644 new "was here"', "dir 755 old", "dir 755 old/deep"]);
  await unpackLayer(streamOf(tar), target, options);
  assert.deepEqual(treeOf(target), ["link l -> x", "dir 755 new", 'file 644 new/file "new"']);
  assert.equal(statSync(target).ino, inode);
  // Where nothing is, there is nothing to keep in its place.
  await unpackLayer(streamOf(tar), join(base, "absent"), options);
  assert.deepEqual(treeOf(join(base, "absent")), treeOf(target));
});

test("a failure of the disk is a coded error that names the entry and says what to do", () => {
  const full = Object.assign(new Error("ENOSPC: no space left on device, write '/proc/self/fd/3/x'"), {
    code: "ENOSPC",
  });
  const error = unpackFailure(full, "usr/bin/x", "/out");
  assert.ok(isLadingError(error));
  assert.equal(error.code, "ERR_LADING_STORE");
  assert.equal(error.message, 'cannot unpack "usr/bin/x": no space left on device (ENOSPC)');
  assert.equal(error.place, "/out");
  assert.match(error.hint ?? "", /make room/);
  const reason = new Error("aborted");
  assert.equal(unpackFailure(reason, "x", "/out"), reason);
});

test("an empty target, one that a link names, and one with missing parents are filled", async (t) => {
  const base = await tempDir(t);
  const tar = (): AsyncIterable<Uint8Array> => streamOf(tarOf({ name: "new", data: "new" }));
  mkdirSync(join(base, "empty"));
  await unpackLayer(tar(), join(base, "empty"));
  symlinkSync("empty", join(base, "link"));
  await unpackLayer(tar(), join(base, "link"), { existing: "replace" });
  assert.ok(lstatSync(join(base, "link")).isSymbolicLink());
  await unpackLayer(tar(), join(base, "x", "y", "z"));
  for (const path of ["empty", "link", "x/y/z"]) assert.deepEqual(readdirSync(join(base, path)), ["new"]);
  assert.deepEqual(readdirSync(base).sort(), ["empty", "link", "x"]);
});

test("parents that can never be made are an error, not an endless try", {
  skip: !existsSync("/proc/self/fd") && "needs /proc",
}, async () => {
  const tar = streamOf(tarOf({ name: "new" }));
  await assert.rejects(unpackLayer(tar, "/proc/no-such-folder/x"), {
    code: "ERR_LADING_STORE",
    message: "no folder can be made at /proc/no-such-folder",
  });
});

test("a file is no target, and neither is the folder that the program runs in", async (t) => {
  const base = await tempDir(t);
  writeFileSync(join(base, "file"), "");
  const tar = (): AsyncIterable<Uint8Array> => streamOf(tarOf({ name: "new" }));
  await assert.rejects(unpackLayer(tar(), join(base, "file"), { existing: "replace" }), {
    code: "ERR_LADING_STORE",
  });
  const before = process.cwd();
  mkdirSync(join(base, "in", "side"), { recursive: true });
  process.chdir(join(base, "in", "side"));
  try {
    writeFileSync("mine", "");
    for (const target of [".", "..", base, "/"]) {
      await assert.rejects(
        unpackLayer(tar(), target, { existing: "replace" }),
        { code: "ERR_LADING_USAGE" },
        target,
      );
    }
    assert.ok(existsSync("mine"));
  } finally {
    process.chdir(before);
  }
});

test("when something is wrong, the old content stays and nothing of the new is there", async (t) => {
  const good = tarOf(
    { name: "a", data: "a" },
    { name: "b/c", data: Buffer.alloc(200_000, 1) },
    dir("b", { mode: 0o500 }),
  );
  const other = tarOf({ name: "a", data: "A" });
  const image = (
    change: (image: ReturnType<typeof layerImage>) => void,
    options: Parameters<typeof layerImage>[1] = {},
  ) => {
    const made = layerImage([good, good], { gzip: true, ...options });
    change(made);
    return made;
  };
  const layer = (made: ReturnType<typeof layerImage>) => {
    const digest = made.manifest.layers[0]?.digest;
    if (digest === undefined) throw new Error("no layer");
    return { digest, bytes: made.blobs.get(digest) ?? Buffer.alloc(0) };
  };
  const cases: [string, string, ReturnType<typeof layerImage>, UnpackOptions?][] = [
    [
      "a byte was changed",
      "ERR_LADING_DIGEST_MISMATCH",
      image((made) => {
        const { digest, bytes } = layer(made);
        const changed = Buffer.from(bytes);
        changed[100] = (changed[100] ?? 0) ^ 1;
        made.blobs.set(digest, changed);
      }),
    ],
    [
      "the layer is another tar of the same length",
      "ERR_LADING_DIGEST_MISMATCH",
      (() => {
        const made = layerImage([tarOf({ name: "a", data: "a" })]);
        made.blobs.set(layer(made).digest, other);
        return made;
      })(),
    ],
    [
      "the layer is cut short",
      "ERR_LADING_SIZE_MISMATCH",
      image((made) => {
        const { digest, bytes } = layer(made);
        made.blobs.set(digest, bytes.subarray(0, bytes.length - 20));
      }),
    ],
    [
      "the layer goes on",
      "ERR_LADING_SIZE_MISMATCH",
      image((made) => {
        const { digest, bytes } = layer(made);
        made.blobs.set(digest, Buffer.concat([bytes, Buffer.alloc(10)]));
      }),
    ],
    ["the layer is absent", "ERR_LADING_NOT_FOUND", image((made) => made.blobs.delete(layer(made).digest))],
    [
      "the config names another diffID",
      "ERR_LADING_DIGEST_MISMATCH",
      image(() => {}, { diffIds: [`sha256:${"0".repeat(64)}`, `sha256:${"0".repeat(64)}`] }),
    ],
    [
      "the config names one diffID too few",
      "ERR_LADING_DOCUMENT",
      image(() => {}, { diffIds: [`sha256:${"0".repeat(64)}`] }),
    ],
    ["a layer is no tar", "ERR_LADING_ARCHIVE", layerImage([Buffer.alloc(2000, "x")])],
    ["a tar is cut short", "ERR_LADING_ARCHIVE", layerImage([good.subarray(0, 100_000)])],
    ["too many entries over all layers", "ERR_LADING_LIMIT", image(() => {}), { limits: { entries: 5 } }],
    ["too many bytes over all layers", "ERR_LADING_LIMIT", image(() => {}), { limits: { bytes: 300_000 } }],
    ["too deep", "ERR_LADING_LIMIT", layerImage([tarOf({ name: `${"a/".repeat(300)}b` })])],
    ["a hard link to what is not there", "ERR_LADING_ARCHIVE", layerImage([tarOf(hard("a", "missing"))])],
    ["a path through a file", "ERR_LADING_UNSAFE_PATH", layerImage([tarOf({ name: "a" }, { name: "a/b" })])],
    [
      "a name too long for the disk",
      "ERR_LADING_UNSAFE_PATH",
      layerImage([tarOf({ name: "ü".repeat(130) })]),
    ],
  ];
  for (const [what, code, { source, manifest }, options] of cases) {
    const base = await tempDir(t);
    await assert.rejects(unpackImage(source, manifest, join(base, "p", "new"), options), { code }, what);
    assert.deepEqual(readdirSync(base), [], what);
    mkdirSync(join(base, "old"));
    writeFileSync(join(base, "old", "mine"), "mine");
    await assert.rejects(
      unpackImage(source, manifest, join(base, "old"), { ...options, existing: "replace" }),
      { code },
      what,
    );
    assert.deepEqual(treeOf(base), ["dir 755 old", 'file 644 old/mine "mine"'], what);
  }
});

test("an abort ends the work with its reason and leaves nothing", async (t) => {
  const base = await tempDir(t);
  const controller = new AbortController();
  const reason = new Error("enough");
  const tar = tarOf(...Array.from({ length: 3000 }, (_, i) => ({ name: `f${i}`, data: "x" })));
  let files = 0;
  const on = (): void => {
    if (++files === 100) controller.abort(reason);
  };
  await assert.rejects(
    unpackLayer(streamOf(tar), join(base, "out"), { signal: controller.signal, on }),
    reason,
  );
  assert.ok(files < 3000);
  assert.deepEqual(readdirSync(base), []);
});

test("the event loop turns while many small files are written", async (t) => {
  const base = await tempDir(t);
  const tar = tarOf(
    ...Array.from({ length: 1500 }, (_, i) => ({ name: `d${i % 20}/f${i}`, data: "x".repeat(100) })),
  );
  let turns = 0;
  const timer = setInterval(() => turns++, 1);
  await unpackLayer(streamOf(tar), join(base, "out"));
  clearInterval(timer);
  assert.equal(readdirSync(join(base, "out")).length, 20);
  assert.ok(turns >= 2, `${turns} turns`);
});

test("events tell of every layer and file", async (t) => {
  const events: LadingEvent[] = [];
  await unpacked(t, [[{ name: "a", data: "123" }], [{ name: "d/b", data: "4" }]], {
    on: (event) => events.push(event),
  });
  assert.deepEqual(
    events.map((event) =>
      event.type === "file"
        ? `${event.path} ${event.bytes}`
        : event.type === "progress"
          ? `+${event.bytes}`
          : event.type,
    ),
    ["started", "+2048", "a 3", "finished", "started", "+2048", "d/b 1", "finished"],
  );
});
