import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { closeSync, createReadStream, ftruncateSync, openSync, readFileSync, writeSync } from "node:fs";
import { join } from "node:path";
import test from "node:test";
import { streamOf } from "../../src/bytes/stream.ts";
import { encodeHeader, tarEnd } from "../../src/formats/tar/encode.ts";
import { readTar } from "../../src/formats/tar/read.ts";
import { needs } from "../support/peers.ts";
import { entryOf, tarOf } from "../support/tar.ts";
import { tempDir } from "../support/tmp.ts";
import { chunked, type Listed, list, pythonLister } from "./tar-entries.ts";

/** A file of `size` bytes with 4 KiB of data at each of these offsets. */
function makeSparse(path: string, size: number, offsets: readonly number[]): void {
  const file = openSync(path, "w");
  ftruncateSync(file, size);
  for (const [i, offset] of offsets.entries()) writeSync(file, Buffer.alloc(4096, i + 1), 0, 4096, offset);
  closeSync(file);
}

const forms = [
  ["old GNU", ["--format=gnu"]],
  ["PAX 0.0", ["--format=posix", "--sparse-version=0.0"]],
  ["PAX 0.1", ["--format=posix", "--sparse-version=0.1"]],
  ["PAX 1.0", ["--format=posix", "--sparse-version=1.0"]],
] as const;

for (const [form, flags] of forms) {
  test(`sparse files as GNU tar writes them: ${form}`, needs("tar", "python3"), async (t) => {
    const dir = await tempDir(t);
    makeSparse(join(dir, "middle"), 1_000_000, [400_000 - (400_000 % 4096)]);
    makeSparse(join(dir, "start-end"), 409_600, [0, 409_600 - 4096]);
    makeSparse(join(dir, "only-hole"), 5_000_000, []);
    // More extents than fit into the header and one extension block.
    makeSparse(
      join(dir, "many"),
      100 * 65536,
      Array.from({ length: 90 }, (_, i) => i * 65536 + 8192),
    );
    makeSparse(join(dir, "s".repeat(150)), 1_000_000, [8192]);
    const names = ["middle", "start-end", "only-hole", "many", "s".repeat(150)];
    const file = join(dir, "a.tar");
    execFileSync("tar", [...flags, "--sparse", "-C", dir, "-cf", file, ...names]);
    const bytes = readFileSync(file);
    assert.ok(bytes.length < 1_000_000, "GNU tar found the holes");
    const theirs: Listed[] = JSON.parse(
      execFileSync("python3", ["-c", pythonLister, file], { encoding: "utf8" }),
    ).map((entry: Listed, i: number) => ({
      ...entry,
      // For long names in 0.1 python shows the placeholder that stands there for old programs.
      name: names[i],
      mtime: Math.floor(entry.mtime),
    }));
    assert.equal(theirs.length, names.length);
    for (const size of [1 << 20, 1000]) {
      const ours = await list(chunked(bytes, size));
      assert.deepEqual(
        ours.map((entry) => ({ ...entry, mtime: Math.floor(entry.mtime) })),
        theirs,
      );
    }
    // The map leads to the data in the archive, for readers that do not go through it in order.
    for await (const item of readTar(streamOf(bytes))) {
      const original = readFileSync(join(dir, item.name));
      let at = item.offset;
      for (const { offset, size } of item.sparse ?? []) {
        assert.ok(bytes.subarray(at, at + size).equals(original.subarray(offset, offset + size)));
        at += size;
      }
      assert.equal(at, item.offset + item.storedSize);
    }
  });
}

test("a sparse file of 10 GB is skipped and indexed without its zeros", needs("tar"), async (t) => {
  const dir = await tempDir(t);
  const size = 10_000_000_000;
  makeSparse(join(dir, "huge"), size, [9_000_001_536]);
  const file = join(dir, "a.tar");
  for (const [, flags] of forms) {
    execFileSync("tar", [...flags, "--sparse", "-C", dir, "-cf", file, "huge"]);
    let entries = 0;
    for await (const item of readTar(createReadStream(file))) {
      entries++;
      assert.equal(item.size, size);
      assert.ok(item.storedSize <= 8192 && item.storedSize >= 4096);
    }
    assert.equal(entries, 1);
  }
});

test("content of a file of more than 8 GiB is said in PAX and skipped without being held", async () => {
  const size = 9_000_000_000;
  const block = Buffer.alloc(4 * 1024 * 1024);
  async function* archive(): AsyncGenerator<Uint8Array> {
    yield encodeHeader(entryOf({ name: "big", size }));
    let left = size + (-size & 511);
    for (; left >= block.length; left -= block.length) yield block;
    yield block.subarray(0, left);
    yield tarOf({ name: "next" });
  }
  const before = process.memoryUsage().rss;
  const seen: unknown[] = [];
  for await (const { name, size } of readTar(archive())) seen.push([name, size]);
  assert.deepEqual(seen, [
    ["big", size],
    ["next", 0],
  ]);
  assert.ok(process.memoryUsage().rss - before < 50e6);
});

/** An archive of one PAX sparse file with these records and this data. */
function paxSparse(records: readonly (readonly [string, string])[], data: Buffer): Buffer {
  const body = Buffer.concat(
    records.map(([key, value]) => {
      const text = ` ${key}=${value}\n`;
      const length = [...Array(3).keys()]
        .map((n) => text.length + n + 1)
        .find((n) => `${n}${text}`.length === n);
      return Buffer.from(`${length}${text}`);
    }),
  );
  // The flag is changed from a plain file's to that of an extended header, and the sum with it.
  const header = encodeHeader(entryOf({ name: "x", size: body.length }));
  header[156] = 0x78;
  const sum = Number.parseInt(header.toString("latin1", 148, 154), 8) + 0x78 - 0x30;
  header.write(sum.toString(8).padStart(6, "0"), 148, "latin1");
  return Buffer.concat([
    header,
    body,
    Buffer.alloc(-body.length & 511),
    encodeHeader(entryOf({ name: "sparse", size: data.length })),
    data,
    Buffer.alloc(-data.length & 511),
    tarEnd,
  ]);
}

const v1 = (realsize: string): [string, string][] => [
  ["GNU.sparse.major", "1"],
  ["GNU.sparse.minor", "0"],
  ["GNU.sparse.realsize", realsize],
];
const mapBlock = (text: string): Buffer =>
  Buffer.concat([Buffer.from(text), Buffer.alloc(512 - text.length)]);

test("the hand-made sparse archive of the next test is right when its map is", async () => {
  const good = paxSparse(v1("2000"), Buffer.concat([mapBlock("1\n1000\n5\n"), Buffer.from("hello")]));
  const [entry] = await list(streamOf(good));
  assert.equal(entry?.size, 2000);
});

const wrongMaps: Readonly<Record<string, Buffer>> = {
  "beyond the file": paxSparse(v1("1004"), Buffer.concat([mapBlock("1\n1000\n5\n"), Buffer.from("hello")])),
  "more than is stored": paxSparse(
    v1("2000"),
    Buffer.concat([mapBlock("1\n1000\n6\n"), Buffer.from("hello")]),
  ),
  "less than is stored": paxSparse(
    v1("2000"),
    Buffer.concat([mapBlock("1\n1000\n4\n"), Buffer.from("hello")]),
  ),
  "out of order": paxSparse(
    v1("2000"),
    Buffer.concat([mapBlock("2\n1000\n2\n500\n3\n"), Buffer.from("hello")]),
  ),
  overlapping: paxSparse(v1("2000"), Buffer.concat([mapBlock("2\n10\n3\n12\n2\n"), Buffer.from("hello")])),
  negative: paxSparse(v1("2000"), Buffer.concat([mapBlock("1\n-10\n5\n"), Buffer.from("hello")])),
  "without an end": paxSparse(v1("2000"), Buffer.alloc(2048, "1")),
  "with a count that no data follows": paxSparse(v1("2000"), mapBlock("3\n1\n1\n")),
  "with a huge count": paxSparse(v1("2000"), mapBlock("999999999999\n1\n1\n")),
  "without a size": paxSparse([["GNU.sparse.map", "0,5"]], Buffer.from("hello")),
  "with an odd list": paxSparse(
    [
      ["GNU.sparse.size", "9"],
      ["GNU.sparse.map", "0,5,9"],
    ],
    Buffer.from("hello"),
  ),
  "with words": paxSparse(
    [
      ["GNU.sparse.size", "9"],
      ["GNU.sparse.map", "0,five"],
    ],
    Buffer.from("hello"),
  ),
  "with sizes out of turn": paxSparse(
    [
      ["GNU.sparse.size", "9"],
      ["GNU.sparse.numbytes", "5"],
      ["GNU.sparse.offset", "0"],
    ],
    Buffer.from("hello"),
  ),
};

for (const [what, archive] of Object.entries(wrongMaps)) {
  test(`a sparse map ${what} is refused`, async () => {
    await assert.rejects(list(streamOf(archive)), (error: { code?: string }) => {
      assert.match(String(error.code), /^ERR_LADING_(ARCHIVE|LIMIT)$/);
      return true;
    });
  });
}
