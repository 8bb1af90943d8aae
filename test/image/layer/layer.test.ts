import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { chmod, chown, lutimes, mkdir, readdir, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import test from "node:test";
import { fileURLToPath } from "node:url";
import { gunzipSync } from "node:zlib";
import { digestOf } from "../../../src/bytes/hash.ts";
import type { LadingEvent } from "../../../src/events.ts";
import { createLayer, type LayerOptions } from "../../../src/image/layer/create.ts";
import { needs } from "../../support/peers.ts";
import { tempDir } from "../../support/tmp.ts";
import { blobOf, entriesOf, plant, tree } from "./tree.ts";

/** What the tree of `tree.ts` becomes on any machine, with any user, clock and number of cores. */
const golden = {
  digest: "sha256:75f9e699c6ebdcb40be4e3f1e4a5cd04fe5a6beba6b17284d113b59a970c291a",
  diffId: "sha256:4eb9659e467ea2ea2bca1f72b0d2b541030749708cab3907de6b6edd81a3a90e",
};

/** The names of `tree` backwards: directories list them in another order then. */
const backwards = Object.keys(tree).reverse();

test("a tree becomes the same layer on every machine", async (t) => {
  const dir = await tempDir(t);
  await plant(join(dir, "tree"));
  await using layer = await createLayer([{ path: join(dir, "tree") }], { tempDir: dir });
  assert.deepEqual({ digest: layer.descriptor.digest, diffId: layer.diffId }, golden);
  const blob = await blobOf(layer);
  assert.equal(layer.descriptor.mediaType, "application/vnd.oci.image.layer.v1.tar+gzip");
  assert.equal(layer.descriptor.size, blob.length);
  assert.equal(layer.body.size, blob.length);
  assert.equal(digestOf(blob), golden.digest);
  assert.equal(digestOf(gunzipSync(blob)), golden.diffId);
});

test("order of creation, umask, times and owners leave no trace", async (t) => {
  const dir = await tempDir(t);
  const root = join(dir, "tree");
  const umask = process.umask(0o077);
  try {
    await mkdir(root);
    await plant(root, backwards);
  } finally {
    process.umask(umask);
  }
  for (const found of await readdir(root, { recursive: true })) {
    await lutimes(join(root, found), 1_234_567_890, 1_234_567_890.5);
    if (process.getuid?.() === 0 && !found.includes("bin/start") && !found.includes("dangling")) {
      await chown(join(root, found), 12_345, 54_321);
    }
  }
  await using layer = await createLayer([{ path: root }], { tempDir: dir });
  assert.deepEqual({ digest: layer.descriptor.digest, diffId: layer.diffId }, golden);
});

test("one thread or eight make the same layer", async (t) => {
  const dir = await tempDir(t);
  await plant(join(dir, "tree"));
  const child = fileURLToPath(new URL("./layer.child.js", import.meta.url));
  for (const threads of ["1", "8"]) {
    const { stdout, stderr, status } = spawnSync(process.execPath, [child, join(dir, "tree"), dir], {
      encoding: "utf8",
      env: { ...process.env, UV_THREADPOOL_SIZE: threads },
    });
    assert.equal(status, 0, stderr);
    assert.equal(JSON.parse(stdout).digest, golden.digest);
  }
});

test("entries come sorted by the bytes of their paths, parents first, all of root's and of 1970", async (t) => {
  const dir = await tempDir(t);
  await plant(join(dir, "tree"));
  await using layer = await createLayer([{ path: join(dir, "tree") }], { tempDir: dir });
  const entries = await entriesOf(layer);
  const names = entries.map((entry) => entry.name);
  const sorted = names.map((name) => Buffer.from(name)).sort(Buffer.compare);
  assert.deepEqual(names, sorted.map(String));
  assert.equal(new Set(names).size, names.length);
  for (const [name, leaf] of Object.entries(tree)) {
    const entry = entries.find((candidate) => candidate.name === name);
    assert.ok(entry, name);
    const target = typeof leaf === "object" && "hardLinkOf" in leaf ? tree[leaf.hardLinkOf] : leaf;
    if (target === "folder") assert.equal(entry.type, "directory");
    else if (target !== undefined && "to" in target) {
      assert.deepEqual([entry.type, entry.linkName, entry.mode], ["symlink", target.to, 0o777]);
    } else if (target !== undefined && "bytes" in target) {
      assert.equal(entry.content, Buffer.from(target.bytes as Uint8Array).toString("latin1"), name);
      assert.deepEqual([entry.type, entry.mode], ["file", target.mode ?? 0o644]);
    }
  }
  for (const entry of entries) {
    assert.deepEqual([entry.uid, entry.gid, entry.mtime], [0, 0, 0]);
    if (entry.type === "directory") assert.equal(entry.mode, 0o755);
    const parent = entry.name.slice(0, Math.max(0, entry.name.lastIndexOf("/")));
    if (parent !== "") assert.ok(names.indexOf(parent) < names.indexOf(entry.name), entry.name);
  }
});

test("GNU tar reads the layer, and zcat gives its diffID", needs("tar", "gzip", "sha256sum"), async (t) => {
  const dir = await tempDir(t);
  await plant(join(dir, "tree"));
  await using layer = await createLayer([{ path: join(dir, "tree") }], { tempDir: dir });
  await writeFile(join(dir, "layer.tgz"), await blobOf(layer));
  const shell = (script: string) => spawnSync("sh", ["-ec", script], { cwd: dir, encoding: "utf8" });
  const hashed = shell("gzip -t layer.tgz; zcat layer.tgz | sha256sum");
  assert.equal(hashed.stdout.slice(0, 64), layer.diffId.slice(7), hashed.stderr);
  const compared = shell("mkdir out; tar -xpzf layer.tgz -C out; diff -r --no-dereference tree out");
  assert.deepEqual([compared.status, compared.stdout, compared.stderr], [0, "", ""]);
});

test("each compression has its media type and the same diffID", async (t) => {
  const dir = await tempDir(t);
  await plant(join(dir, "tree"));
  const inputs = [{ path: join(dir, "tree") }];
  await using plain = await createLayer(inputs, { tempDir: dir, compression: "none" });
  assert.equal(plain.descriptor.mediaType, "application/vnd.oci.image.layer.v1.tar");
  assert.equal(plain.descriptor.digest, golden.diffId);
  assert.equal(plain.diffId, golden.diffId);
  await using small = await createLayer(inputs, { tempDir: dir, level: 9 });
  assert.equal(small.diffId, golden.diffId);
  assert.notEqual(small.descriptor.digest, golden.digest);
  if ("createZstdCompress" in (await import("node:zlib"))) {
    await using zstd = await createLayer(inputs, { tempDir: dir, compression: "zstd" });
    assert.equal(zstd.descriptor.mediaType, "application/vnd.oci.image.layer.v1.tar+zstd");
    assert.equal(zstd.diffId, golden.diffId);
    assert.equal((await entriesOf(zstd)).length, (await entriesOf(plain)).length);
  } else {
    await assert.rejects(createLayer(inputs, { tempDir: dir, compression: "zstd" }), {
      code: "ERR_LADING_UNSUPPORTED",
    });
  }
});

test("no input, an empty folder and an empty list make an empty layer", async (t) => {
  const dir = await tempDir(t);
  await mkdir(join(dir, "nothing"));
  for (const inputs of [[], [{ path: join(dir, "nothing") }], [{ entries: [] }]]) {
    await using layer = await createLayer(inputs, { tempDir: dir });
    assert.equal(layer.diffId, digestOf(Buffer.alloc(1024)));
  }
});

test("owner, time and permissions can be chosen", async (t) => {
  const dir = await tempDir(t);
  await mkdir(join(dir, "tree/folder"), { recursive: true });
  await writeFile(join(dir, "tree/folder/file"), "x");
  await writeFile(join(dir, "tree/script"), "x");
  await chmod(join(dir, "tree/folder"), 0o711);
  await chmod(join(dir, "tree/folder/file"), 0o4640);
  await chmod(join(dir, "tree/script"), 0o550);
  const modes = async (options: Partial<LayerOptions>) => {
    await using layer = await createLayer([{ path: join(dir, "tree") }], { tempDir: dir, ...options });
    return (await entriesOf(layer)).map(({ name, mode, uid, gid, mtime }) => [name, mode, uid, gid, mtime]);
  };
  assert.deepEqual(await modes({ preservePermissions: true }), [
    ["folder", 0o711, 0, 0, 0],
    ["folder/file", 0o640, 0, 0, 0],
    ["script", 0o550, 0, 0, 0],
  ]);
  assert.deepEqual(await modes({ owner: { uid: 1000, gid: 1001 }, mtime: 315_532_801 }), [
    ["folder", 0o755, 1000, 1001, 315_532_801],
    ["folder/file", 0o644, 1000, 1001, 315_532_801],
    ["script", 0o755, 1000, 1001, 315_532_801],
  ]);
});

test("exclusions are whole paths below their own input", async (t) => {
  const dir = await tempDir(t);
  const names = [".git/HEAD", ".gitignore", "a/.git/HEAD", "a/b/c", "a/bb", "vendor"];
  for (const name of names) {
    await mkdir(join(dir, "tree", name, ".."), { recursive: true });
    await writeFile(join(dir, "tree", name), name);
  }
  const files = async (exclude?: readonly string[]) => {
    const input = { path: join(dir, "tree"), ...(exclude === undefined ? {} : { exclude }) };
    await using layer = await createLayer([input], { tempDir: dir });
    return (await entriesOf(layer)).filter((entry) => entry.type === "file").map((entry) => entry.name);
  };
  assert.deepEqual(await files(), [".gitignore", "a/.git/HEAD", "a/b/c", "a/bb", "vendor"]);
  assert.deepEqual(await files([]), [".git/HEAD", ".gitignore", "a/.git/HEAD", "a/b/c", "a/bb", "vendor"]);
  assert.deepEqual(await files(["a/b", "./vendor/", "b"]), [
    ".git/HEAD",
    ".gitignore",
    "a/.git/HEAD",
    "a/bb",
  ]);
  assert.deepEqual(await files(["a"]), [".git/HEAD", ".gitignore", "vendor"]);
});

test("several inputs merge; places, single files and entries in memory too", async (t) => {
  const dir = await tempDir(t);
  await mkdir(join(dir, "one/shared"), { recursive: true });
  await mkdir(join(dir, "two/shared"), { recursive: true });
  await writeFile(join(dir, "one/shared/a"), "a");
  await writeFile(join(dir, "two/shared/b"), "b");
  await symlink("one/shared/a", join(dir, "link"));
  const made = Buffer.from("made in memory");
  await using layer = await createLayer(
    [
      { path: join(dir, "one") },
      { path: join(dir, "two") },
      { path: join(dir, "one"), at: "/opt/app/" },
      { path: join(dir, "link") },
      { path: join(dir, "two/shared/b"), at: "etc/b.conf" },
      {
        entries: [
          { name: "made/file", bytes: made, mode: 0o4755 },
          { type: "directory", name: "made", mode: 0o700 },
          { type: "symlink", name: "made/link", linkName: "file" },
          { name: "made/.wh.gone", bytes: new Uint8Array(0) },
        ],
      },
    ],
    { tempDir: dir },
  );
  const entries = await entriesOf(layer);
  assert.deepEqual(
    entries.map((entry) => [entry.name, entry.type, entry.mode, entry.linkName ?? entry.content]),
    [
      ["etc", "directory", 0o755, ""],
      ["etc/b.conf", "file", 0o644, "b"],
      ["link", "file", 0o644, "a"],
      ["made", "directory", 0o700, ""],
      ["made/.wh.gone", "file", 0o644, ""],
      ["made/file", "file", 0o4755, "made in memory"],
      ["made/link", "symlink", 0o777, "file"],
      ["opt", "directory", 0o755, ""],
      ["opt/app", "directory", 0o755, ""],
      ["opt/app/shared", "directory", 0o755, ""],
      ["opt/app/shared/a", "file", 0o644, "a"],
      ["shared", "directory", 0o755, ""],
      ["shared/a", "file", 0o644, "a"],
      ["shared/b", "file", 0o644, "b"],
    ],
  );
});

test("each file and link is told once, with its size", async (t) => {
  const dir = await tempDir(t);
  await plant(join(dir, "tree"));
  const events: LadingEvent[] = [];
  const on = (event: LadingEvent) => events.push(event);
  await using layer = await createLayer([{ path: join(dir, "tree") }], { tempDir: dir, on });
  const expected = (await entriesOf(layer))
    .filter((entry) => entry.type !== "directory")
    .map((entry) => ({ type: "file", path: entry.name, bytes: entry.size }));
  assert.deepEqual(events, expected);
});

test("the layer can be read again from any offset until it is disposed of", async (t) => {
  const dir = await tempDir(t);
  await plant(join(dir, "tree"));
  const layer = await createLayer([{ path: join(dir, "tree") }], { tempDir: dir });
  const blob = await blobOf(layer);
  for (const offset of [0, 1, 100_000, blob.length]) {
    const parts: Buffer[] = [];
    for await (const chunk of await layer.body.open({ offset })) parts.push(Buffer.from(chunk));
    assert.ok(Buffer.concat(parts).equals(blob.subarray(offset)));
  }
  // Nothing is left to clean up, even if the process dies now.
  assert.deepEqual(await readdir(dir), ["tree"]);
  await layer[Symbol.asyncDispose]();
  await assert.rejects(blobOf(layer));
});
