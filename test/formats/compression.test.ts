import assert from "node:assert/strict";
import test from "node:test";
import { gzipSync } from "node:zlib";
import { collect } from "../../src/bytes/collect.ts";
import { type ByteStream, streamOf } from "../../src/bytes/stream.ts";
import { compress, decompress, sniffCompression } from "../../src/formats/compression.ts";
import { cut, sampleBytes } from "../support/sample-bytes.ts";

const mib = 1024 * 1024;
const all = (stream: ByteStream) => collect(stream, 1024 * mib, "output");
const sample = sampleBytes(30_000);
const hello = Buffer.from(`28b52ffd200a510000${Buffer.from("hello zstd").toString("hex")}`, "hex");

async function* zeros(size: number): AsyncGenerator<Uint8Array> {
  const chunk = Buffer.alloc(mib);
  for (let left = size; left > 0; left -= mib) yield chunk.subarray(0, left);
}

test("compression is told by the first bytes", () => {
  assert.equal(sniffCompression(gzipSync("")), "gzip");
  assert.equal(sniffCompression(hello), "zstd");
  assert.equal(sniffCompression(Buffer.from("5f2a4d1800000000", "hex")), "zstd");
  for (const text of ["", "\x1f", "(\xb5/", "tar and such", "BZh9", "\0".repeat(512)]) {
    assert.equal(sniffCompression(Buffer.from(text, "latin1")), "none", text);
  }
});

test("decompress unpacks what it finds, in any pieces", async () => {
  for (const size of [1, 2, 3, 5, 1000, 100_000]) {
    assert.ok(
      (await all(decompress(cut(gzipSync(sample.subarray(0, 500)), size)))).equals(sample.subarray(0, 500)),
    );
    assert.equal((await all(decompress(cut(hello, size)))).toString(), "hello zstd");
    assert.ok((await all(decompress(cut(sample, size)))).equals(sample));
  }
  assert.equal((await all(decompress(streamOf()))).byteLength, 0);
  assert.equal((await all(decompress(streamOf(Buffer.from("ab"))))).toString(), "ab");
});

test("decompress names what is damaged", async () => {
  await assert.rejects(all(decompress(streamOf(gzipSync("x").subarray(0, 12)), { what: "layer 2" })), {
    code: "ERR_LADING_ARCHIVE",
    message: /^layer 2 is cut short/,
  });
});

test("a bomb ends at a ratio of 1000, after 100 MiB", async () => {
  // zlib's best for zeros is 1030:1.
  const bomb = gzipSync(Buffer.alloc(200 * mib), { level: 9 });
  let size = 0;
  const unpack = async () => {
    for await (const chunk of decompress(streamOf(bomb), { what: "bomb" })) size += chunk.byteLength;
  };
  // The whole input is there at once, so the ratio is seen at the end only.
  await assert.rejects(unpack(), { code: "ERR_LADING_LIMIT" });
  assert.ok(size <= 200 * mib);
  assert.equal(
    (await all(decompress(streamOf(bomb), { maxRatio: Number.POSITIVE_INFINITY }))).length,
    200 * mib,
  );
  const small = gzipSync(Buffer.alloc(99 * mib), { level: 9 });
  assert.equal((await all(decompress(streamOf(small)))).length, 99 * mib);
});

test("a zstd bomb in little pieces ends soon after 100 MiB", async () => {
  const block = Buffer.alloc(4);
  block.writeUIntLE((1 << 1) | ((128 * 1024) << 3), 0, 3);
  async function* bomb(): AsyncGenerator<Uint8Array> {
    yield Buffer.from("28b52ffd0038", "hex");
    for (;;) yield block;
  }
  let size = 0;
  await assert.rejects(
    async () => {
      for await (const chunk of decompress(bomb())) size += chunk.byteLength;
    },
    { code: "ERR_LADING_LIMIT" },
  );
  assert.ok(size <= 101 * mib);
});

test("zeros that Lading itself compressed are no bomb to it", async () => {
  for (const level of [1, 4, 9]) {
    let size = 0;
    for await (const chunk of decompress(compress(zeros(128 * mib), "gzip", { level })))
      size += chunk.byteLength;
    assert.equal(size, 128 * mib, `level ${level}`);
  }
});

test("maxBytes is the most that comes out, to the byte", async () => {
  const packed = gzipSync(sample);
  assert.ok((await all(decompress(streamOf(packed), { maxBytes: sample.length }))).equals(sample));
  for (const input of [packed, sample]) {
    await assert.rejects(all(decompress(streamOf(input), { maxBytes: sample.length - 1 })), {
      code: "ERR_LADING_LIMIT",
    });
  }
});

test("decompress closes its source when left early", async () => {
  for (const input of [gzipSync(sample), sample, hello]) {
    let closed = false;
    async function* source(): AsyncGenerator<Uint8Array> {
      try {
        yield* cut(input, 7);
        yield Buffer.alloc(1);
      } finally {
        closed = true;
      }
    }
    for await (const _ of decompress(source())) break;
    assert.ok(closed);
  }
});

test("compress none passes through; every kind comes back", async () => {
  assert.ok((await all(compress(streamOf(sample), "none"))).equals(sample));
  assert.ok((await all(decompress(compress(cut(sample, 999), "gzip")))).equals(sample));
});
