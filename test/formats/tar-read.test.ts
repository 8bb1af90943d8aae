import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import {
  createReadStream,
  linkSync,
  mkdirSync,
  readFileSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { Readable } from "node:stream";
import test from "node:test";
import fc from "fast-check";
import { create as npmTarCreate } from "tar";
import { pack } from "tar-stream";
import { collect } from "../../src/bytes/collect.ts";
import { streamOf } from "../../src/bytes/stream.ts";
import { readTar } from "../../src/formats/tar/read.ts";
import { needs } from "../support/peers.ts";
import { tarBlocks, tarOf } from "../support/tar.ts";
import { tempDir } from "../support/tmp.ts";
import { chunked, list, pythonLister } from "./tar-entries.ts";

/** A tree with long, non-ASCII and odd names, links, and files around the sizes of blocks. */
function makeTree(dir: string, options: { longNames: boolean }): void {
  const deep = options.longNames ? "a-rather-long-directory-name/".repeat(9) : "sub/";
  mkdirSync(join(dir, deep), { recursive: true });
  for (const size of [0, 1, 511, 512, 513, 65536, 65537, 300_000]) {
    writeFileSync(join(dir, `size-${size}`), Buffer.alloc(size, size % 251));
  }
  writeFileSync(join(dir, deep, "deep"), "deep");
  symlinkSync("size-1", join(dir, "link"));
  linkSync(join(dir, "size-513"), join(dir, "zz-hard"));
  if (options.longNames) {
    writeFileSync(join(dir, "grüße-日本語"), "utf-8");
    writeFileSync(join(dir, "n".repeat(180)), "long name");
    symlinkSync("t".repeat(200), join(dir, "long-link"));
  }
  utimesSync(join(dir, "size-1"), 1_111_111_111, 1_111_111_111);
}

for (const format of ["v7", "oldgnu", "gnu", "ustar", "posix"]) {
  test(`reads what GNU tar writes as ${format}, as python does`, needs("tar", "python3"), async (t) => {
    const dir = await tempDir(t);
    mkdirSync(join(dir, "tree"));
    makeTree(join(dir, "tree"), { longNames: format !== "v7" && format !== "ustar" });
    const file = join(dir, "a.tar");
    execFileSync("tar", [`--format=${format}`, "-C", join(dir, "tree"), "-cf", file, "."]);
    const theirs = JSON.parse(execFileSync("python3", ["-c", pythonLister, file], { encoding: "utf8" }));
    assert.ok(theirs.length > 10);
    const bytes = readFileSync(file);
    for (const size of [65536, 1000, 512]) assert.deepEqual(await list(chunked(bytes, size)), theirs);
  });
}

for (const format of ["USTAR_FORMAT", "GNU_FORMAT", "PAX_FORMAT"]) {
  test(`reads what python writes as ${format}`, needs("python3"), async (t) => {
    const dir = await tempDir(t);
    const file = join(dir, "a.tar");
    const script = `
import io, sys, tarfile
with tarfile.open(sys.argv[1], "w", format=tarfile.${format}, pax_headers={"comment": "all"} if "PAX" in "${format}" else None) as tar:
    def add(name, data=b"", **more):
        info = tarfile.TarInfo(name)
        info.size = len(data)
        for key, value in more.items(): setattr(info, key, value)
        tar.addfile(info, io.BytesIO(data))
    add("plain", b"plain", mtime=1234567890)
    add("dir", type=tarfile.DIRTYPE, mode=0o1777)
    add("p" * 60 + "/" + "n" * 90, b"split")
    add("dev", type=tarfile.CHRTYPE, devmajor=5, devminor=1)
    add("block", type=tarfile.BLKTYPE, devmajor=8, devminor=17)
    add("fifo", type=tarfile.FIFOTYPE)
    add("cont", b"contiguous", type=tarfile.CONTTYPE)
    if "${format}" != "USTAR_FORMAT":
        add("l" * 300, b"long")
        add("größe", b"utf-8", uid=2**28, mtime=2**34)
        add("link", type=tarfile.SYMTYPE, linkname="t" * 150)
        add("early", mtime=-5)
`;
    execFileSync("python3", ["-c", script, file]);
    const theirs = JSON.parse(execFileSync("python3", ["-c", pythonLister, file], { encoding: "utf8" }));
    assert.deepEqual(await list(createReadStream(file)), theirs);
  });
}

test("reads what tar-stream and node-tar write", needs("python3"), async (t) => {
  const dir = await tempDir(t);
  const packed = pack();
  packed.entry({ name: "a", mode: 0o600, mtime: new Date(1e12) }, "content");
  packed.entry({ name: `${"long/".repeat(60)}grüße` }, "long");
  packed.entry({ name: "link", type: "symlink", linkname: "x".repeat(130) });
  packed.entry({ name: "d/", type: "directory" });
  packed.finalize();
  assert.deepEqual(
    (await list(streamOf(await collect(Readable.from(packed), 1e6, "packed")))).map(
      ({ name, type, size, linkName, mode }) => ({
        name,
        type,
        size,
        linkName,
        mode,
      }),
    ),
    [
      { name: "a", type: "file", size: 7, linkName: "", mode: 0o600 },
      { name: `${"long/".repeat(60)}grüße`, type: "file", size: 4, linkName: "", mode: 0o644 },
      { name: "link", type: "symlink", size: 0, linkName: "x".repeat(130), mode: 0o644 },
      { name: "d", type: "directory", size: 0, linkName: "", mode: 0o755 },
    ],
  );

  mkdirSync(join(dir, "tree"));
  makeTree(join(dir, "tree"), { longNames: true });
  const file = join(dir, "npm.tar");
  npmTarCreate({ sync: true, file, cwd: join(dir, "tree"), noPax: false }, ["."]);
  const theirs = JSON.parse(execFileSync("python3", ["-c", pythonLister, file], { encoding: "utf8" }));
  assert.deepEqual(await list(createReadStream(file)), theirs);
});

test("extended attributes come through as bytes", needs("tar"), async () => {
  const value = Buffer.from([1, 0, 0, 2, 0xff, 0x0a, 0x3d]).toString("latin1");
  for await (const item of readTar(
    streamOf(tarOf({ name: "a", pax: { "SCHILY.xattr.security.capability": value } })),
  )) {
    assert.deepEqual({ ...item.pax }, { "SCHILY.xattr.security.capability": value });
  }
});

test("each entry's offset leads to its data, small or large, read or skipped", async () => {
  const specs = [
    { name: "a", data: "first" },
    { name: "n".repeat(200), data: Buffer.alloc(200_000, 7) },
    { name: "dir", type: "directory" as const },
    { name: "z", data: "last" },
  ];
  const archive = tarOf(...specs);
  let i = 0;
  for await (const item of readTar(chunked(archive, 777))) {
    const data = specs[i++]?.data ?? "";
    assert.equal(item.storedSize, item.size);
    assert.ok(
      archive.subarray(item.offset, item.offset + item.storedSize).equals(Buffer.from(data as string)),
    );
  }
  assert.equal(i, specs.length);
});

test("half-read content is skipped, and old content is not given out", async () => {
  const archive = tarOf({ name: "big", data: Buffer.alloc(100_000, 1) }, { name: "next", data: "n" });
  const names: string[] = [];
  let old: AsyncIterator<Uint8Array> | undefined;
  for await (const item of readTar(chunked(archive, 1000))) {
    names.push(item.name);
    if (old !== undefined) await assert.rejects(old.next(), /after the next entry/);
    old = item.content()[Symbol.asyncIterator]();
    await old.next();
  }
  assert.deepEqual(names, ["big", "next"]);
});

test("a global header stands for all entries until it is taken back, and an entry's own comes first", async () => {
  const global = (records: Record<string, string>): Buffer => {
    const blocks = Buffer.from(tarBlocks({ name: "g", pax: records }));
    // Keep the extended header, without the entry behind it, as a global one.
    const header = blocks.subarray(0, blocks.length - 512);
    header[156] = 0x67;
    header.write("        ", 148, "latin1");
    let sum = 0;
    for (let i = 0; i < 512; i++) sum += header[i] as number;
    header.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148, "latin1");
    return header;
  };
  const archive = Buffer.concat([
    global({ "X.a": "1", comment: "c" }),
    tarBlocks({ name: "one" }),
    tarBlocks({ name: "two", pax: { "X.a": "2" } }),
    tarOf({ name: "three" }),
  ]);
  const seen: unknown[] = [];
  for await (const item of readTar(streamOf(archive))) seen.push([item.name, { ...item.pax }]);
  assert.deepEqual(seen, [
    ["one", { "X.a": "1", comment: "c" }],
    ["two", { "X.a": "2", comment: "c" }],
    ["three", { "X.a": "1", comment: "c" }],
  ]);
});

test("old headers with signed checksums, and no flag for directories, are read", async () => {
  const blocks = Buffer.from(tarBlocks({ name: "grosse/" }));
  blocks.fill(0, 257);
  blocks[156] = 0;
  blocks.write("grüße/", 0, "utf8");
  blocks.fill(0, Buffer.byteLength("grüße/"), 100);
  blocks.fill(0x20, 148, 156);
  let sum = 0;
  for (const byte of new Int8Array(blocks.buffer, blocks.byteOffset, 512)) sum += byte;
  blocks.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148, "latin1");
  const listed = await list(streamOf(blocks));
  assert.equal(listed[0]?.name, "grüße");
  assert.equal(listed[0]?.type, "directory");
});

test("the prefix that Go before 1.8 put into GNU headers is used", async () => {
  const blocks = Buffer.from(tarBlocks({ name: "file" }));
  blocks.write("ustar  \0", 257, "latin1");
  blocks.write("some/prefix", 345, "latin1");
  blocks.fill(0x20, 148, 156);
  let sum = 0;
  for (let i = 0; i < 512; i++) sum += blocks[i] as number;
  blocks.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148, "latin1");
  assert.equal((await list(streamOf(blocks)))[0]?.name, "some/prefix/file");
});

test("10,000 files in any chunks are the same files", async () => {
  const specs = Array.from({ length: 10_000 }, (_, i) => ({ name: `d${i % 97}/f${i}`, data: String(i) }));
  const archive = tarOf(...specs);
  const digest = (text: string): string => createHash("sha256").update(text).digest("hex");
  await fc.assert(
    fc.asyncProperty(fc.integer({ min: 200, max: 200_000 }), async (size) => {
      const listed = await list(chunked(archive, size));
      assert.equal(listed.length, specs.length);
      for (const i of [0, 1, 4999, 9999]) assert.equal(listed[i]?.sha256, digest(String(i)));
    }),
    { numRuns: 3 },
  );
});
