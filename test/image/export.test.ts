import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import test from "node:test";
import fc from "fast-check";
import { bodyFromStart, bodyOf } from "../../src/bytes/body.ts";
import { collect } from "../../src/bytes/collect.ts";
import { createHasher } from "../../src/bytes/hash.ts";
import { streamOf } from "../../src/bytes/stream.ts";
import { encodeHeader, tarEnd } from "../../src/formats/tar/encode.ts";
import { readTar } from "../../src/formats/tar/read.ts";
import { buildImage } from "../../src/image/document.ts";
import { exportFilesystem } from "../../src/image/export.ts";
import { openFilesystem } from "../../src/image/filesystem/filesystem.ts";
import { parseManifest } from "../../src/spec/manifest.ts";
import { mediaTypes } from "../../src/spec/media-type.ts";
import { openLayout } from "../../src/stores/layout/open.ts";
import { MemoryStore } from "../../src/stores/memory.ts";
import { file, hardlink, putImage, symlink, type TestEntry, tarOf } from "../support/image.ts";
import { findProgram, needs } from "../support/peers.ts";
import { tempDir } from "../support/tmp.ts";
import { treeOf } from "../support/tree.ts";

async function exported(...tars: readonly Uint8Array[]): Promise<Buffer> {
  const store = new MemoryStore();
  const { manifest } = await putImage(store, tars);
  return collect(exportFilesystem(store, manifest), 1e8, "tar");
}

/** What a tar says, one line per entry. */
async function entriesOf(tar: Uint8Array): Promise<string[]> {
  const lines: string[] = [];
  for await (const item of readTar(streamOf(tar))) {
    const content =
      item.type === "file" ? ` ${(await collect(item.content(), 1e8, item.name)).toString()}` : "";
    lines.push(
      `${item.type} ${item.name}${item.linkName === undefined ? "" : ` -> ${item.linkName}`}${content}`,
    );
  }
  return lines;
}

test("an image becomes one tar: directories, files by layer, hard links behind them, the rest", async () => {
  const tar = await exported(
    tarOf(
      ...[
        file("z", "low"),
        symlink("s", "z"),
        { name: "b/", mode: 0o700 },
        file("b/x", "1"),
        file("gone", "1"),
      ],
      ...[hardlink("a/hard", "z"), file("implied/dir/f", "2"), file("empty", "")],
    ),
    tarOf(file("a/top", "3"), file(".wh.gone", ""), file("b/x", "4"), { name: "dev/pipe", type: "fifo" }),
  );
  assert.deepEqual(await entriesOf(tar), [
    ...["directory a", "directory b", "directory dev", "directory implied", "directory implied/dir"],
    ...["file a/hard low", "hardlink z -> a/hard", "file implied/dir/f 2", "file a/top 3", "file b/x 4"],
    ...["fifo dev/pipe", "file empty ", "symlink s -> z"],
  ]);
});

test("the same image gives the same bytes, however its layers were written", async () => {
  const entries = [file("b", "2"), file("a", "1"), { name: "d/" }, symlink("l", "a")];
  const one = await exported(tarOf(...entries));
  assert.deepEqual(await exported(tarOf(...entries)), one);
  assert.equal(one.length % 512, 0);
  assert.deepEqual(await exported(), Buffer.alloc(1024));
});

test("owners, modes, times and extended attributes come through", async () => {
  const entry: TestEntry = {
    ...{ name: "bin/su", text: "x", mode: 0o4755, uid: 7, gid: 8, uname: "u", gname: "g", mtime: 1.5 },
    pax: { "SCHILY.xattr.security.capability": "\u0001\u00ff" },
  };
  const names = Array.from({ length: 3 }, (_, i) => `${"long/".repeat(60)}${i}-ä`);
  const tar = await exported(tarOf(entry, ...names.map((name) => file(name, "x"))));
  const found = new Map<string, TestEntry>();
  for await (const { name, mode, uid, gid, uname, gname, mtime, pax } of readTar(streamOf(tar))) {
    found.set(name, {
      name,
      mode,
      uid,
      gid,
      ...(uname ? { uname } : {}),
      ...(gname ? { gname } : {}),
      mtime,
      pax: { ...pax },
    });
  }
  const { text: _, ...expected } = entry;
  assert.deepEqual(found.get("bin/su"), expected);
  for (const name of names) assert.ok(found.has(name));
});

test("a hard link that outlives its target has the content, and one to nothing is an error", async () => {
  assert.deepEqual(
    await entriesOf(await exported(tarOf(file("a", "1"), hardlink("b", "a")), tarOf(file(".wh.a", "")))),
    ["file b 1"],
  );
  await assert.rejects(exported(tarOf(hardlink("b", "nowhere"))), { code: "ERR_LADING_ARCHIVE" });
});

test("large content goes by in chunks and is verified", async () => {
  const store = new MemoryStore();
  const big = Buffer.alloc(3_000_000, "lading");
  const { manifest } = await putImage(store, [tarOf(file("big", big))], { compression: "none" });
  let largest = 0;
  let size = 0;
  for await (const chunk of exportFilesystem(store, manifest)) {
    largest = Math.max(largest, chunk.byteLength);
    size += chunk.byteLength;
  }
  assert.equal(size, 512 + Math.ceil(big.length / 512) * 512 + 1024);
  assert.ok(largest <= big.length);

  const wrong = tarOf(file("big", Buffer.alloc(3_000_000, "loding")));
  let opened = 0;
  const liar = {
    ...{ label: "liar", resolve: store.resolve, tags: store.tags, referrers: store.referrers },
    body: (node: Parameters<MemoryStore["body"]>[0]) => (opened++ === 0 ? store.body(node) : bodyOf(wrong)),
  };
  await assert.rejects(collect(exportFilesystem(liar, manifest), 1e8, "tar"), {
    code: "ERR_LADING_DIGEST_MISMATCH",
  });
});

test("memory stays flat for a layer far larger than it", async () => {
  const size = 256 * 1024 * 1024;
  const piece = Buffer.alloc(1024 * 1024, "lading");
  async function* layer(): AsyncGenerator<Uint8Array> {
    yield encodeHeader({ name: "big", type: "file", mode: 0o644, uid: 0, gid: 0, mtime: 0, size });
    for (let at = 0; at < size; at += piece.length) yield piece;
    yield tarEnd;
  }
  const hasher = createHasher();
  for await (const chunk of layer()) hasher.update(chunk);
  const digest = hasher.digest();
  const descriptor = { mediaType: mediaTypes.ociLayer, digest, size: 512 + size + 1024 };
  const { config, manifest } = buildImage({
    layers: [{ descriptor, diffId: digest }],
    platform: { os: "linux", architecture: "amd64" },
  });
  const store = new MemoryStore();
  const source = {
    ...{ label: "large", resolve: store.resolve, tags: store.tags, referrers: store.referrers },
    body: () => bodyFromStart(descriptor.size, async () => layer()),
  };
  const image = parseManifest(manifest.bytes);
  assert.ok(image.kind === "image" && image.config.digest === config.descriptor.digest);
  const before = process.memoryUsage().rss;
  let [most, total] = [0, 0];
  for await (const chunk of exportFilesystem(source, image)) {
    total += chunk.byteLength;
    if (total % (16 * 1024 * 1024) < chunk.byteLength) most = Math.max(most, process.memoryUsage().rss);
  }
  assert.equal(total, descriptor.size);
  assert.ok(most > 0 && most - before < 100 * 1024 * 1024, `${most - before} bytes more`);
});

function run(program: string, ...args: string[]): string {
  return execFileSync(findProgram(program) ?? program, args, {
    encoding: "utf8",
    stdio: ["ignore", "pipe", "pipe"],
  });
}

test("GNU tar unpacks an export to what the file system shows", needs("tar"), async (t) => {
  const dir = await tempDir(t);
  const tars = [
    tarOf(file("a/one", "1"), hardlink("a/two", "a/one"), symlink("a/l", "one"), { name: "b/", mode: 0o750 }),
    tarOf(file("a/one", "2"), file("c/d/e", "x".repeat(1000))),
  ];
  writeFileSync(join(dir, "export.tar"), await exported(...tars));
  mkdirSync(join(dir, "root"));
  run("tar", "-xpf", join(dir, "export.tar"), "-C", join(dir, "root"));
  assert.deepEqual(treeOf(join(dir, "root")), [
    ...["dir 755 a", "link a/l -> one", 'file 644 a/one "2"', 'file 644 a/two "1"', "dir 750 b", "dir 755 c"],
    ...["dir 755 c/d", treeOf(join(dir, "root")).at(-1) ?? ""],
  ]);
});

const name = fc.constantFrom("a", "b", "c");
const path = fc.array(name, { minLength: 1, maxLength: 3 }).map((parts) => parts.join("/"));
const folder = fc.array(name, { maxLength: 2 }).map((parts) => parts.map((part) => `${part}/`).join(""));
/** Entries in a layer as a builder writes them: every directory has its entry, and no name is there twice. */
const layer = fc
  .array(
    fc.oneof(
      {
        weight: 4,
        arbitrary: fc.tuple(path, fc.string({ maxLength: 4 })).map(([at, text]) => file(at, text)),
      },
      { weight: 1, arbitrary: path.map((at) => symlink(at, "nowhere")) },
      { weight: 2, arbitrary: fc.tuple(folder, name).map(([at, hidden]) => file(`${at}.wh.${hidden}`, "")) },
      { weight: 1, arbitrary: folder.map((at) => file(`${at}.wh..wh..opq`, "")) },
    ),
    { maxLength: 7 },
  )
  .map(asBuilt);

function asBuilt(entries: readonly TestEntry[]): readonly TestEntry[] {
  const result = new Map<string, TestEntry>();
  for (const entry of entries) {
    const parts = entry.name.split("/");
    const parents = parts.slice(0, -1).map((_, i) => parts.slice(0, i + 1).join("/"));
    // A name is one thing in one layer; whiteouts of names that the layer has are no builder's.
    const clash =
      parents.some((parent) => result.has(parent) && result.get(parent)?.type !== "directory") ||
      [...result.keys()].some((other) => other === entry.name || other.startsWith(`${entry.name}/`));
    if (clash) continue;
    for (const parent of parents) result.set(parent, { name: parent, type: "directory", mode: 0o755 });
    result.set(entry.name, entry);
  }
  const has = (hidden: string): boolean => result.has(hidden);
  return [...result.values()]
    .filter(
      ({ name }) => name.endsWith(".opq") || !/(^|\/)\.wh\./.test(name) || !has(name.replace(".wh.", "")),
    )
    .sort((a, b) => (a.name < b.name ? -1 : 1));
}

test("random layers merge to what umoci unpacks", needs("umoci", "tar"), async (t) => {
  const dir = await tempDir(t);
  const store = await openLayout(join(dir, "layout"), { create: true });
  let runs = 0;
  await fc.assert(
    fc.asyncProperty(fc.array(layer, { minLength: 2, maxLength: 4 }), async (layers) => {
      const tag = `v${runs++}`;
      const { manifest } = await putImage(
        store,
        layers.map((entries) => tarOf(...entries)),
        { tag },
      );
      const bundle = join(dir, tag);
      run("umoci", "unpack", ...["--rootless", "--image", `${join(dir, "layout")}:${tag}`, bundle]);
      const expected = treeOf(join(bundle, "rootfs"));

      const root = join(dir, `${tag}-export`);
      mkdirSync(root);
      writeFileSync(`${root}.tar`, await collect(exportFilesystem(store, manifest), 1e7, "tar"));
      run("tar", "-xpf", `${root}.tar`, "-C", root);
      assert.deepEqual(treeOf(root), expected);

      const seen: string[] = [];
      for await (const entry of (await openFilesystem(store, manifest)).walk("/")) seen.push(entry.path);
      const names = expected.map((line) => `/${line.replace(/^(?:dir|file) \d+ |^link /, "").split(" ")[0]}`);
      assert.deepEqual(seen, names);
    }),
    { numRuns: 15, endOnFailure: false },
  );
});
