import assert from "node:assert/strict";
import test from "node:test";
import { gzipSync } from "node:zlib";
import { collect } from "../../src/bytes/collect.ts";
import { type ByteStream, streamOf } from "../../src/bytes/stream.ts";
import { compress, decompress, mostBytesOut, sniffCompression } from "../../src/formats/compression.ts";
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

test("a ratio that was asked for holds after 100 MiB", async () => {
  // zlib's best for zeros is 1030:1.
  const bomb = gzipSync(Buffer.alloc(200 * mib), { level: 9 });
  await assert.rejects(all(decompress(streamOf(bomb), { what: "bomb", maxRatio: 1000 })), {
    code: "ERR_LADING_LIMIT",
    message: /^bomb unpacks to more than 1000 times its size/,
  });
  const small = gzipSync(Buffer.alloc(99 * mib), { level: 9 });
  assert.equal((await all(decompress(streamOf(small), { maxRatio: 10 }))).length, 99 * mib);
});

/** Zeros in zstd's run-length blocks: 128 KiB in four bytes, again and again. */
async function* zstdZeros(blocks: number): AsyncGenerator<Uint8Array> {
  const block = Buffer.alloc(4);
  block.writeUIntLE((1 << 1) | ((128 * 1024) << 3), 0, 3);
  yield Buffer.from("28b52ffd0038", "hex");
  for (let left = blocks; left > 0; left--) {
    if (left === 1) block[0] = (block[0] ?? 0) | 1;
    yield block;
  }
}

test("a zstd bomb in little pieces ends at its limit", async () => {
  let size = 0;
  await assert.rejects(
    async () => {
      for await (const chunk of decompress(zstdZeros(1e9), { maxRatio: 1100 })) size += chunk.byteLength;
    },
    { code: "ERR_LADING_LIMIT" },
  );
  assert.ok(size <= 101 * mib);
});

test("without a ratio of one's own, only what no gzip does ends, and only after 64 GiB", () => {
  const free = 64 * 1024 * mib;
  assert.equal(mostBytesOut(1), free);
  assert.equal(mostBytesOut(mib), free);
  for (const size of [64 * mib, 1024 * mib, 2 ** 40]) assert.ok(mostBytesOut(size) > 1032 * size);
  assert.ok(mostBytesOut(64 * mib) < 1200 * 64 * mib);
});

test("zeros are no bomb, whoever compressed them", async () => {
  const sizeOf = async (stream: ByteStream): Promise<number> => {
    let size = 0;
    for await (const chunk of decompress(stream)) size += chunk.byteLength;
    return size;
  };
  for (const level of [1, 9]) {
    assert.equal(await sizeOf(compress(zeros(128 * mib), "gzip", { level })), 128 * mib, `level ${level}`);
  }
  assert.equal(await sizeOf(streamOf(gzipSync(Buffer.alloc(128 * mib), { level: 9 }))), 128 * mib);
  assert.equal(await sizeOf(zstdZeros(1024)), 128 * mib);
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
