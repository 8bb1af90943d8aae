import assert from "node:assert/strict";
import test from "node:test";
import { bodyOf } from "../../src/bytes/body.ts";
import { collect } from "../../src/bytes/collect.ts";
import { isLadingError } from "../../src/errors.ts";
import { type ImageFilesystem, openFilesystem } from "../../src/image/filesystem/filesystem.ts";
import { MemoryStore } from "../../src/stores/memory.ts";
import type { Source } from "../../src/stores/store.ts";
import { file, hardlink, putImage, symlink, tarOf } from "../support/image.ts";

/** A file system over these tars, and which of its layers were read. */
async function filesystemOf(
  ...tars: readonly Uint8Array[]
): Promise<{ fs: ImageFilesystem; read: number[] }> {
  const store = new MemoryStore();
  const { manifest } = await putImage(store, tars);
  const read: number[] = [];
  const source = watched(store, (digest) => {
    const layer = manifest.layers.findIndex((descriptor) => descriptor.digest === digest);
    read.push(layer);
  });
  return { fs: await openFilesystem(source, manifest), read };
}

function watched(store: Source, opened: (digest: string) => void): Source {
  return {
    label: store.label,
    resolve: (reference) => store.resolve(reference),
    tags: () => store.tags(),
    referrers: (subject) => store.referrers(subject),
    body: (node) => {
      const body = store.body(node);
      return {
        size: body.size,
        open: (from) => {
          opened(node.descriptor.digest);
          return body.open(from);
        },
      };
    },
  };
}

async function paths(fs: ImageFilesystem, path = "/"): Promise<string[]> {
  const found: string[] = [];
  for await (const entry of fs.walk(path)) found.push(entry.path);
  return found;
}

async function text(fs: ImageFilesystem, path: string): Promise<string> {
  return (await collect(await fs.read(path), 1e6, path)).toString();
}

const notFound = { code: "ERR_LADING_NOT_FOUND" };

test("upper layers replace, delete and hide what lower ones have", async () => {
  const { fs } = await filesystemOf(
    tarOf(
      ...[
        { name: "./" },
        { name: "./etc/" },
        file("./etc/a", "a1"),
        file("etc/b", "b1"),
        file("/etc/c", "c1"),
      ],
      ...[
        { name: "var/", mode: 0o700 },
        file("var/log/x"),
        file("var/log/y"),
        file("opt/app/old"),
        file("top"),
      ],
      ...[file("dir/inside"), file("was-file", "1")],
    ),
    tarOf(
      ...[file("etc/b", "b2"), file("etc/.wh.a", ""), { name: "var/log/" }, file("var/log/.wh..wh..opq", "")],
      ...[file("var/log/z"), file(".wh.opt", ""), file("opt/new"), file("dir", "now a file")],
      ...[file("was-file/now/a-directory"), file(".wh..wh.plnk/1.2", ""), file(".wh..wh.aufs", "")],
    ),
    tarOf(file(".wh.top", ""), file("etc/d", "d3")),
  );
  assert.deepEqual(await paths(fs), [
    ...["/dir", "/etc", "/etc/b", "/etc/c", "/etc/d", "/opt", "/opt/new", "/var", "/var/log", "/var/log/z"],
    ...["/was-file", "/was-file/now", "/was-file/now/a-directory"],
  ]);
  assert.equal(await text(fs, "/etc/b"), "b2");
  assert.equal(await text(fs, "etc/c"), "c1");
  assert.equal((await fs.stat("/var")).mode, 0o700, "a directory that is only implied above keeps its mode");
  assert.equal((await fs.stat("/")).type, "directory");
  for (const gone of ["/etc/a", "/top", "/opt/app", "/var/log/x", "/dir/inside", "/nothing", "/etc/b/x"]) {
    await assert.rejects(fs.stat(gone), notFound, gone);
    await assert.rejects(fs.read(gone), notFound, gone);
  }
});

test("what a whiteout or a file hides stays hidden when the name comes back", async () => {
  const { fs } = await filesystemOf(
    tarOf(file("a/one"), file("b/one"), file("c/one"), { name: "d/", mode: 0o700 }, file("d/one")),
    tarOf(
      file(".wh.a", ""),
      file("b", "a file"),
      file(".wh.c", ""),
      file("c/two"),
      file("d/.wh..wh..opq", ""),
    ),
    tarOf(file("a/three"), file("b/three"), file("c/three"), file("d/three")),
  );
  assert.deepEqual(await paths(fs), [
    ...["/a", "/a/three", "/b", "/b/three", "/c", "/c/three", "/c/two", "/d", "/d/three"],
  ]);
  assert.equal((await fs.stat("/d")).mode, 0o700, "an opaque directory is still the same directory");
});

test("whiteouts mean lower layers only, wherever they stand in their own", async () => {
  const base = tarOf(file("x/old"), file("y", "old"));
  for (const entries of [
    [file("x/.wh..wh..opq", ""), file("x/new"), file(".wh.y", ""), file("y", "new")],
    [file("x/new"), file("x/.wh..wh..opq", ""), file("y", "new"), file(".wh.y", "")],
  ]) {
    const { fs } = await filesystemOf(base, tarOf(...entries));
    assert.deepEqual(await paths(fs), ["/x", "/x/new", "/y"]);
    assert.equal(await text(fs, "/y"), "new");
  }
});

test("a directory that a layer deletes and makes anew has nothing of the old one", async () => {
  const base = tarOf({ name: "d/", mode: 0o700 }, file("d/old"), file("e/old"));
  const { fs } = await filesystemOf(
    base,
    tarOf(file(".wh.d", ""), file("d/new"), file("e/new"), file(".wh.e", "")),
  );
  assert.deepEqual(await paths(fs), ["/d", "/d/new", "/e", "/e/new"]);
  assert.equal((await fs.stat("/d")).mode, 0o755);
});

test("only the layers that a question needs are read, and each is read once for its names", async () => {
  const { fs, read } = await filesystemOf(
    tarOf(file("low", "1"), file("both", "1")),
    tarOf({ name: "d/" }, file("d/middle", "2"), file("both", "2")),
    tarOf(file("top", "3"), file(".wh.gone", "")),
  );
  assert.equal((await fs.stat("/top")).size, 1);
  await assert.rejects(fs.stat("/gone"), notFound);
  assert.deepEqual(read, [2]);
  assert.equal((await fs.stat("/d/middle")).size, 1);
  assert.equal((await fs.stat("/d")).type, "directory");
  assert.deepEqual(read, [2, 1]);
  assert.equal(await text(fs, "/both"), "2");
  assert.deepEqual(read, [2, 1, 1]);
  assert.deepEqual(
    await Promise.all([paths(fs), fs.list("/d")].map(async (call) => (await call).length)),
    [5, 1],
  );
  assert.deepEqual(read, [2, 1, 1, 0]);
});

test("links are followed within the image and never out of it", async () => {
  const { fs } = await filesystemOf(
    tarOf(
      ...[
        file("etc/passwd", "the image's"),
        symlink("abs", "/etc/passwd"),
        symlink("a/b/rel", "../../etc/passwd"),
      ],
      ...[symlink("out", "../../../../../etc/passwd"), symlink("dir", "etc"), symlink("chain", "dir/../abs")],
      ...[
        symlink("loop1", "loop2"),
        symlink("loop2", "loop1"),
        symlink("dangling", "nowhere"),
        symlink("self", "."),
      ],
      symlink("deep", "/"),
    ),
  );
  for (const path of [
    ...["/abs", "/a/b/rel", "/out", "/dir/passwd", "/chain", "/self/self/abs", "/deep/deep/etc/passwd"],
    ...["/../../etc/passwd", "etc/./passwd", "//etc//passwd", "/dir/../etc/passwd"],
  ]) {
    assert.equal(await text(fs, path), "the image's", path);
  }
  assert.equal((await fs.stat("/abs")).path, "/etc/passwd");
  const link = await fs.stat("/abs", { follow: false });
  assert.deepEqual([link.type, link.linkName, link.path], ["symlink", "/etc/passwd", "/abs"]);
  assert.equal((await fs.stat("/dir/", { follow: false })).type, "symlink");
  assert.deepEqual(
    (await fs.list("/dir")).map((entry) => entry.path),
    ["/etc/passwd"],
  );
  await assert.rejects(fs.read("/loop1"), { ...notFound, message: /too many symbolic links/ });
  await assert.rejects(fs.read("/dangling"), notFound);
  await assert.rejects(fs.read("/abs/x"), notFound);
  await assert.rejects(fs.read("/etc"), { code: "ERR_LADING_USAGE", message: "/etc is a directory" });
});

test("hard links share the content of their target, also one that is hidden or in a lower layer", async () => {
  const { fs } = await filesystemOf(
    tarOf(file("base", "from below"), symlink("sym", "base")),
    tarOf(
      ...[
        file("one", "shared"),
        hardlink("two", "./one"),
        hardlink("early", "late"),
        file("late", "came late"),
      ],
      ...[hardlink("up", "/base"), hardlink("link-to-link", "sym")],
    ),
    tarOf(file(".wh.one", ""), file(".wh.base", "")),
    tarOf(file("two.d/x")),
  );
  assert.equal(await text(fs, "/two"), "shared");
  assert.equal(await text(fs, "/early"), "came late");
  assert.equal(await text(fs, "/up"), "from below");
  assert.equal((await fs.stat("/link-to-link", { follow: false })).linkName, "base");
  await assert.rejects(fs.stat("/one"), notFound);

  const broken = await filesystemOf(tarOf(hardlink("x", "nowhere"), hardlink("loop", "loop")));
  await assert.rejects(broken.fs.read("/x"), {
    code: "ERR_LADING_ARCHIVE",
    message: /hard link to \/nowhere/,
  });
  await assert.rejects(broken.fs.read("/loop"), { code: "ERR_LADING_ARCHIVE" });
});

test("what is written through a link of a lower layer is where the link leads", async () => {
  const { fs } = await filesystemOf(
    tarOf({ name: "usr/lib/" }, file("usr/lib/a", "1"), file("usr/lib/b", "1"), symlink("lib", "usr/lib")),
    tarOf(file("lib/a", "2"), file("lib/new/c", "2"), file("lib/.wh.b", "")),
    tarOf(file("usr/lib/new/d", "3"), file("unrelated", "3")),
  );
  assert.equal(await text(fs, "/usr/lib/a"), "2");
  assert.equal(await text(fs, "/lib/new/c"), "2");
  assert.deepEqual(await paths(fs), [
    ...["/lib", "/unrelated", "/usr", "/usr/lib", "/usr/lib/a", "/usr/lib/new", "/usr/lib/new/c"],
    "/usr/lib/new/d",
  ]);
  const newer = await filesystemOf(
    tarOf(file("t/a", "1"), symlink("l", "/t"), symlink("broken", "nowhere")),
    tarOf(file("l/a", "2"), file("broken/x", "2")),
    tarOf(file("t/a", "3")),
  );
  assert.equal(await text(newer.fs, "/l/a"), "3", "the uppermost layer wins, by whichever path");
  assert.equal(await text(newer.fs, "/broken/x"), "2", "a link to nowhere gives way");
  const replaced = await filesystemOf(
    tarOf(file("t/a", "1"), symlink("l", "t")),
    tarOf({ name: "l/" }, file("l/b", "2")),
  );
  assert.deepEqual(
    await paths(replaced.fs),
    ["/l", "/l/b", "/t", "/t/a"],
    "a directory's own entry replaces it",
  );
});

test("a later entry of the same layer replaces an earlier one", async () => {
  const { fs } = await filesystemOf(
    tarOf(file("a", "1"), file("a", "22"), file("d/x"), file("d", "f"), file("e", "f"), file("e/x", "y")),
  );
  assert.equal(await text(fs, "/a"), "22");
  assert.equal((await fs.stat("/d")).type, "file");
  assert.equal(await text(fs, "/e/x"), "y");
});

test("all kinds of files are told with what is known of them", async () => {
  const { fs } = await filesystemOf(
    tarOf(
      { name: "dev/null", type: "character", devMajor: 1, devMinor: 3, mode: 0o666 },
      { name: "pipe", type: "fifo" },
      { name: "bin/su", text: "x", mode: 0o4755, uid: 1, gid: 2, uname: "u", gname: "g", mtime: 1.5 },
      file("__proto__/constructor", "safe"),
    ),
  );
  assert.equal((await fs.stat("/dev/null")).type, "character");
  const { layer, ...su } = await fs.stat("/bin/su");
  assert.match(layer ?? "", /^sha256:/);
  assert.deepEqual(su, {
    ...{ path: "/bin/su", type: "file", mode: 0o4755, uid: 1, gid: 2, uname: "u", gname: "g", mtime: 1.5 },
    size: 1,
  });
  assert.equal(await text(fs, "/__proto__/constructor"), "safe");
  await assert.rejects(fs.stat("/toString"), notFound);
  await assert.rejects(fs.read("/pipe"), { code: "ERR_LADING_USAGE", message: "/pipe is a fifo" });
  assert.equal((await fs.list("/pipe"))[0]?.path, "/pipe");
});

test("an image without layers, and empty layers, are empty", async () => {
  assert.deepEqual(await paths((await filesystemOf()).fs), []);
  assert.deepEqual(await paths((await filesystemOf(tarOf(), tarOf())).fs), []);
  assert.deepEqual(await (await filesystemOf()).fs.list("/"), []);
});

test("a path with '..' in a layer is refused, and so is a whiteout of nothing", async () => {
  const paths = [file("../x"), file("a/../../x"), hardlink("x", "../../etc/passwd")];
  for (const entry of [...paths, file(".wh."), file("a/.wh..."), file(".wh.a/b")]) {
    const { fs } = await filesystemOf(tarOf(entry));
    await assert.rejects(fs.stat("/x"), { code: "ERR_LADING_UNSAFE_PATH" });
  }
});

test("limits on paths and on bytes hold", async () => {
  const store = new MemoryStore();
  const { manifest } = await putImage(store, [tarOf(file("a/b/c"), file("d")), tarOf(file("e"), file("f"))]);
  const few = await openFilesystem(store, manifest, { maxEntries: 5 });
  assert.equal((await few.stat("/e")).type, "file");
  await assert.rejects(few.list("/"), { code: "ERR_LADING_LIMIT", message: /more than 5 paths/ });
  assert.equal((await (await openFilesystem(store, manifest, { maxEntries: 6 })).list("/")).length, 4);
  const small = await openFilesystem(store, manifest, { maxLayerBytes: 1024 });
  await assert.rejects(small.list("/"), { code: "ERR_LADING_LIMIT" });
});

test("a layer with wrong bytes is never taken for right, neither for its names nor for content", async () => {
  const store = new MemoryStore();
  const { manifest } = await putImage(store, [tarOf(file("a", "right"))], { compression: "none" });
  const other = tarOf(file("a", "wrong"));
  let lies = false;
  const liar: Source = {
    ...watched(store, () => {}),
    body: (node) => (lies ? bodyOf(other) : store.body(node)),
  };
  const fs = await openFilesystem(liar, manifest);
  assert.equal(await text(fs, "/a"), "right");
  lies = true;
  await assert.rejects(text(fs, "/a"), { code: "ERR_LADING_DIGEST_MISMATCH" });
  await assert.rejects((await openFilesystem(liar, manifest)).stat("/a"), {
    code: "ERR_LADING_DIGEST_MISMATCH",
  });
  const damaged = tarOf(file("a", "right"));
  damaged.fill(0xee, 0, 100);
  const damager: Source = { ...liar, body: () => bodyOf(damaged) };
  await assert.rejects((await openFilesystem(damager, manifest)).stat("/a"), {
    code: "ERR_LADING_DIGEST_MISMATCH",
  });
  // A failure is not remembered.
  const again = await openFilesystem(liar, manifest);
  await assert.rejects(again.stat("/a"), { code: "ERR_LADING_DIGEST_MISMATCH" });
  lies = false;
  assert.equal(await text(again, "/a"), "right");
});

test("a layer that is no tar, or cut short before it was described, is named", async () => {
  for (const bytes of [
    Buffer.from("no tar at all".repeat(100)),
    tarOf(file("a", "x".repeat(5000))).subarray(0, 2048),
  ]) {
    const { fs } = await filesystemOf(bytes);
    await assert.rejects(fs.stat("/a"), (error) => {
      assert.ok(isLadingError(error));
      assert.equal(error.code, "ERR_LADING_ARCHIVE");
      assert.match(error.place ?? "", /^layer sha256:/);
      return true;
    });
  }
});

test("an abort stops the reading with the caller's reason", async () => {
  const store = new MemoryStore();
  const { manifest } = await putImage(store, [tarOf(file("a"))]);
  const signal = AbortSignal.abort(new Error("enough"));
  const fs = await openFilesystem(store, manifest);
  await assert.rejects(fs.stat("/a", { signal }), { message: "enough" });
  await assert.rejects(openFilesystem(store, manifest, { signal }), { message: "enough" });
  assert.equal((await fs.stat("/a")).path, "/a");
});
