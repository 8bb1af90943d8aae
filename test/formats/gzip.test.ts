import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import test from "node:test";
import { fileURLToPath } from "node:url";
import { gunzipSync, gzipSync } from "node:zlib";
import fc from "fast-check";
import { collect } from "../../src/bytes/collect.ts";
import { digestOf } from "../../src/bytes/hash.ts";
import { type ByteStream, streamOf } from "../../src/bytes/stream.ts";
import { gzip } from "../../src/formats/gzip/gzip.ts";
import { looksRandom } from "../../src/formats/gzip/noise.ts";
import { needs } from "../support/peers.ts";
import { cut, noiseBytes, sampleBytes } from "../support/sample-bytes.ts";

const kib = 1024;
const mib = 1024 * kib;
const all = (stream: ByteStream) => collect(stream, 512 * mib, "output");
const sample = sampleBytes(3 * mib + 4321);

/**
 * What 3 MiB and a bit become at each level. These change only when users' digests change for the same files, which is
 * a breaking change. Levels 7 and 8 happen to agree on this sample.
 */
const golden: Readonly<Record<number, string>> = {
  1: "sha256:0e07064329f0a7dddc320fb7b38493f78028f92903bc13bfd78b0aedb893c94d",
  2: "sha256:223ee622491b0a236701c4dcd3fc28ef0b1849831ec7f8aa3026569e9e2ce2c8",
  3: "sha256:5d3eb46cdec1728719db917491f675ca77120051fd6e3b655db872ce3f24ad53",
  4: "sha256:eac47c6e97376dc9c785f7c3270e31dc061915f8d48b5d691a85902ebcf7fa21",
  5: "sha256:932601450bb6bc30953345405260072805b0dad82b79ef4f5c3715a505789168",
  6: "sha256:6e16a84aa785e4bf18a57657b74dc91ccf96dde32baec6bbc90b819f121d062a",
  7: "sha256:c44c97814585325b31dd416a9ae20710a8c9d0e40968548aee0e3ff7a1d8c2a6",
  8: "sha256:c44c97814585325b31dd416a9ae20710a8c9d0e40968548aee0e3ff7a1d8c2a6",
  9: "sha256:585113b03650b995507994be3e82e52e57e38a23f981b0fce9b9c92afe3c6031",
};

for (const [level, digest] of Object.entries(golden)) {
  test(`gzip -${level} gives the bytes it always gave`, async () => {
    const packed = await all(gzip(streamOf(sample), { level: Number(level) }));
    assert.equal(digestOf(packed), digest);
    assert.ok(gunzipSync(packed).equals(sample));
  });
}

test("one, two or eight threads give the same gzip bytes", () => {
  const child = fileURLToPath(new URL("./gzip.child.js", import.meta.url));
  for (const threads of ["1", "2", "8"]) {
    const { status, stdout, stderr } = spawnSync(process.execPath, [child], {
      encoding: "utf8",
      env: { ...process.env, UV_THREADPOOL_SIZE: threads },
    });
    assert.equal(status, 0, stderr);
    assert.equal(stdout, golden[1], `${threads} threads`);
  }
});

test("the gzip bytes do not depend on how the input is cut", async () => {
  const input = sample.subarray(0, 700 * kib);
  const once = await all(gzip(streamOf(input)));
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.integer({ min: 1, max: 900 * kib }), { minLength: 1, maxLength: 4 }),
      async (sizes) => {
        const total = sizes.reduce((sum, size) => sum + size, 0);
        fc.pre(total / sizes.length > kib);
        assert.ok((await all(gzip(cut(input, ...sizes)))).equals(once));
      },
    ),
    { numRuns: 15 },
  );
  assert.ok((await all(gzip(streamOf(Buffer.alloc(0), input, Buffer.alloc(0))))).equals(once));
});

test("gzip at and around the block size comes back whole, noise and zeros too", async () => {
  const block = 64 * kib;
  const noise = noiseBytes(2 * block + 2);
  for (const size of [0, 1, block - 1, block, block + 1, 2 * block, 2 * block + 1]) {
    for (const content of [sample, noise, Buffer.alloc(2 * block + 2)]) {
      const input = content.subarray(0, size);
      const packed = await all(gzip(streamOf(input), { blockSize: block }));
      assert.ok(gunzipSync(packed).equals(input), `${size} bytes`);
    }
  }
});

test("the fastest level stores blocks of noise as they are, the others try", async () => {
  const noise = noiseBytes(mib);
  const mixed = Buffer.concat([sample.subarray(0, mib), noise, sample.subarray(0, mib)]);
  const fast = await all(gzip(streamOf(mixed), { level: 1 }));
  assert.ok(gunzipSync(fast).equals(mixed));
  assert.equal(digestOf(fast), "sha256:1edfbe27d2ac92658f643537447ded48c8a64646cb356185a4977a75ecd5cc9a");
  assert.ok(fast.length < 0.6 * mixed.length);
  assert.ok(looksRandom(noise) && looksRandom(gzipSync(sample, { level: 9 })));
  for (const content of [
    sample,
    Buffer.alloc(mib),
    noise.map((byte) => byte & 0x7f),
    noise.subarray(0, 16_000),
  ]) {
    assert.ok(!looksRandom(content));
  }
  // A quarter of text in a block is worth the work.
  assert.ok(!looksRandom(Buffer.concat([noise.subarray(0, 300_000), sample.subarray(0, 100_000)])));
});

test("gzip writes one member without time, name or system", async () => {
  const packed = await all(gzip(streamOf(sample)));
  assert.deepEqual([...packed.subarray(0, 10)], [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 4, 255]);
  assert.equal(packed.readUInt32LE(packed.length - 4), sample.length);
});

test("GNU gzip and python3 accept the whole of it as one member", needs("gzip", "python3"), async () => {
  const packed = await all(gzip(streamOf(sample), { level: 6 }));
  assert.equal(spawnSync("gzip", ["-t"], { input: packed }).status, 0);
  const script =
    "import sys,zlib; d=zlib.decompressobj(31); x=d.decompress(sys.stdin.buffer.read()); " +
    "assert d.eof and not d.unused_data; sys.stdout.buffer.write(x)";
  const { stdout } = spawnSync("python3", ["-c", script], { input: packed, maxBuffer: 16 * mib });
  assert.ok(stdout.equals(sample));
});

test("gzip reads no further than a few blocks ahead of its consumer", async () => {
  const block = 32 * kib;
  let asked = 0;
  async function* source(): AsyncGenerator<Uint8Array> {
    for (; asked < 1000; asked++) yield sample.subarray(0, block);
  }
  const output = gzip(source(), { blockSize: block });
  for (let i = 0; i < 3; i++) await output.next();
  await new Promise((resolve) => setTimeout(resolve, 20));
  assert.ok(asked <= 20, `${asked} blocks were read`);
  await output.return(undefined);
});

test("gzip stops at the abort and closes its source", async () => {
  const stop = new AbortController();
  const reason = new Error("enough");
  let closed = false;
  async function* source(): AsyncGenerator<Uint8Array> {
    try {
      for (let i = 0; ; i++) {
        if (i === 100) stop.abort(reason);
        yield sample.subarray(0, 64 * kib);
      }
    } finally {
      closed = true;
    }
  }
  await assert.rejects(all(gzip(source(), { signal: stop.signal })), reason);
  assert.ok(closed);
});

test("an error of the source passes through gzip as it is", async () => {
  const broken = new Error("disk on fire");
  async function* source(): AsyncGenerator<Uint8Array> {
    yield sample;
    throw broken;
  }
  await assert.rejects(all(gzip(source())), broken);
});

test("levels and block sizes that do not exist are refused", async () => {
  for (const level of [0, 10, 1.5, Number.NaN, -1]) {
    await assert.rejects(all(gzip(streamOf(sample), { level })), { code: "ERR_LADING_USAGE" });
  }
  await assert.rejects(all(gzip(streamOf(sample), { blockSize: 1000 })), { code: "ERR_LADING_USAGE" });
});
