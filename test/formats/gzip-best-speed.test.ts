import assert from "node:assert/strict";
import test from "node:test";
import { collect } from "../../src/bytes/collect.ts";
import { digestOf } from "../../src/bytes/hash.ts";
import { type ByteStream, streamOf } from "../../src/bytes/stream.ts";
import { gzipBestSpeed } from "../../src/formats/gzip/best-speed.ts";
import { gzipVectors } from "./gzip-vectors.ts";

const mib = 1024 * 1024;
const all = (stream: ByteStream) => collect(stream, 512 * mib, "output");

test("the fastest gzip gives the bytes of Go's compress/gzip for every vector", async () => {
  const vectors = gzipVectors();
  assert.equal(vectors.length, 123);
  for (const { name, input, digest, size } of vectors) {
    const packed = await all(gzipBestSpeed(streamOf(input)));
    assert.equal(packed.length, size, name);
    assert.equal(digestOf(packed), digest, name);
  }
});
