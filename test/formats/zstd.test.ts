import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import test from "node:test";
import { collect } from "../../src/bytes/collect.ts";
import { type ByteStream, streamOf } from "../../src/bytes/stream.ts";
import { nativeZstd } from "../../src/formats/zstd/native.ts";
import { unzstd } from "../../src/formats/zstd/unzstd.ts";
import { zstd } from "../../src/formats/zstd/zstd.ts";
import { needs } from "../support/peers.ts";
import { cut, sampleBytes } from "../support/sample-bytes.ts";

const kib = 1024;
const mib = 1024 * kib;
const all = (stream: ByteStream) => collect(stream, 512 * mib, "output");
const sample = sampleBytes(mib + 99);
const archiveError = { code: "ERR_LADING_ARCHIVE" };

function zstdProgram(input: Uint8Array, ...flags: readonly string[]): Buffer {
  const { status, stdout, stderr } = spawnSync("zstd", ["-q", "-c", ...flags], {
    input,
    maxBuffer: 512 * mib,
  });
  assert.equal(status, 0, String(stderr));
  return stdout;
}

/** A skippable frame with this much in it. */
function skippable(size: number, kind = 0): Buffer {
  const frame = Buffer.alloc(8 + size, 0xaa);
  frame.writeUInt32LE(0x184d2a50 + kind, 0);
  frame.writeUInt32LE(size, 4);
  return frame;
}

/** "hello zstd" in one raw block: magic, single segment of 10 bytes, block header, content. */
const hello = Buffer.from(`28b52ffd200a510000${Buffer.from("hello zstd").toString("hex")}`, "hex");

// Both decompressors where this Node has its own; the portable one everywhere.
for (const portable of nativeZstd() === undefined ? [true] : [true, false]) {
  const how = portable ? "fzstd" : "node:zlib";
  const unpack = (stream: ByteStream) => all(unzstd(stream, { portable }));

  test(`${how} gives the content of what zstd packed, at any level and cut`, needs("zstd"), async () => {
    for (const flags of [["-1"], ["-3", "--no-check"], ["-9"], ["-19"], ["-3", "-T2", "-B600K"]]) {
      const packed = zstdProgram(sample, ...flags);
      assert.ok((await unpack(streamOf(packed))).equals(sample), `${flags}`);
      assert.ok((await unpack(cut(packed, 60_000, 1, 9999))).equals(sample), `${flags} cut`);
    }
    const text = Buffer.from("byte by byte ".repeat(50));
    assert.ok((await unpack(cut(zstdProgram(text), 1))).equals(text));
    assert.equal((await unpack(streamOf(zstdProgram(Buffer.alloc(0))))).byteLength, 0);
  });

  test(`${how} reads every frame and leaves skippable ones out`, async () => {
    const frames = [skippable(5), hello, skippable(0, 7), hello, hello, skippable(70_000, 15)];
    const packed = Buffer.concat(frames);
    const expected = "hello zstd".repeat(3);
    assert.equal((await unpack(streamOf(packed))).toString(), expected);
    assert.equal((await unpack(streamOf(...frames))).toString(), expected);
    assert.equal((await unpack(cut(packed, 7))).toString(), expected);
  });

  test(`${how} reads frames with a window of 128 MiB and no larger one`, needs("zstd"), async () => {
    const long = zstdProgram(sample, "--long=27", "--no-content-size");
    assert.ok((await unpack(streamOf(long))).equals(sample));
    const longer = Buffer.from(long);
    assert.equal(longer[5], (27 - 10) << 3);
    longer[5] = (28 - 10) << 3;
    await assert.rejects(unpack(streamOf(longer)), { code: "ERR_LADING_LIMIT" });
    // A single segment of 4 GiB - 1: the window is the content.
    const segment = Buffer.from("28b52ffda0ffffffff", "hex");
    await assert.rejects(unpack(streamOf(segment)), { code: "ERR_LADING_LIMIT" });
    const huge = Buffer.from("28b52ffde0ffffffffffffff7f", "hex");
    await assert.rejects(unpack(streamOf(huge)), { code: "ERR_LADING_LIMIT" });
  });

  test(`${how}: zstd data cut short anywhere are an error`, async () => {
    const packed = Buffer.concat([hello, skippable(3), hello]);
    const ends = new Set([hello.length, hello.length + 11]);
    for (let length = 0; length < packed.length; length++) {
      if (ends.has(length)) continue;
      await assert.rejects(unpack(streamOf(packed.subarray(0, length))), archiveError, `${length} bytes`);
    }
  });

  test(`${how}: what is no zstd, at the start or after a frame, is an error`, async () => {
    await assert.rejects(unpack(streamOf(Buffer.from("not zstd"))), archiveError);
    await assert.rejects(unpack(streamOf(hello, Buffer.from("junk"))), archiveError);
    await assert.rejects(unpack(streamOf(hello, Buffer.alloc(512))), archiveError);
  });

  test(`${how}: damaged blocks are an error`, needs("zstd"), async () => {
    const packed = zstdProgram(sample);
    // The reserved block type, then a literals section that cannot be.
    const reserved = Buffer.from(hello);
    reserved[6] = (reserved[6] ?? 0) | 0x06;
    await assert.rejects(unpack(streamOf(reserved)), archiveError);
    const broken = Buffer.from(packed);
    broken.fill(0xff, 40, 90);
    await assert.rejects(unpack(streamOf(broken)), archiveError);
  });

  test(`${how} leaves other work its turns and unpacks no more than a block at a time`, async () => {
    // 40,000 run-length blocks of 128 KiB each: 5 GiB out of 160 KB.
    const block = Buffer.alloc(4);
    block.writeUIntLE((1 << 1) | ((128 * kib) << 3), 0, 3);
    const bomb = Buffer.concat([
      Buffer.from("28b52ffd0038", "hex"),
      ...Array.from({ length: 40_000 }, () => block),
    ]);
    const output = unzstd(streamOf(bomb), { portable });
    let size = 0;
    let turns = 0;
    const ticking = setInterval(() => turns++, 1);
    for await (const chunk of output) {
      assert.ok(chunk.byteLength <= 2 * mib);
      size += chunk.byteLength;
      if (size > 256 * mib) break;
    }
    clearInterval(ticking);
    assert.ok(turns > 0);
  });
}

test("the zstd program reads what zstd wrote; a Node without zstd says so", needs("zstd"), async () => {
  if (nativeZstd() === undefined) {
    await assert.rejects(all(zstd(streamOf(sample))), {
      code: "ERR_LADING_UNSUPPORTED",
      hint: "use Node 22.15 or newer, or gzip",
    });
    return;
  }
  for (const level of [1, 3, 19]) {
    const packed = await all(zstd(cut(sample, 100_000), { level }));
    assert.ok(packed.length < sample.length / 2);
    assert.ok(zstdProgram(packed, "-d").equals(sample));
  }
  assert.equal(zstdProgram(await all(zstd(streamOf())), "-d").byteLength, 0);
});

test("zstd levels that do not exist are refused", async () => {
  for (const level of [0, 20, 2.5]) {
    await assert.rejects(all(zstd(streamOf(sample), { level })), { code: "ERR_LADING_USAGE" });
  }
});
