import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import test, { type TestContext } from "node:test";
import { fileURLToPath } from "node:url";
import type { Worker } from "node:worker_threads";
import { gunzipSync } from "node:zlib";
import fc from "fast-check";
import { collect } from "../../src/bytes/collect.ts";
import { digestOf } from "../../src/bytes/hash.ts";
import { type ByteStream, streamOf } from "../../src/bytes/stream.ts";
import { gzipBestSpeed } from "../../src/formats/gzip/best-speed.ts";
import { cut, noiseBytes, sampleBytes } from "../support/sample-bytes.ts";
import { gzipVectors } from "./gzip-vectors.ts";
import { plainBestSpeed } from "./plain-best-speed.ts";

const kib = 1024;
const mib = 1024 * kib;
const block = 65_535;
const batch = 8 * block;
const root = process.env["LADING_ROOT"] ?? process.cwd();
const all = (stream: ByteStream) => collect(stream, 512 * mib, "output");
const packed = (input: Buffer) => all(gzipBestSpeed(streamOf(input)));
const sample = sampleBytes(5 * mib);

/** The threads that a test starts, as they start. */
function watchThreads(t: TestContext): { readonly started: readonly Worker[]; running(): number } {
  const started: Worker[] = [];
  const add = (worker: Worker) => started.push(worker);
  process.on("worker", add);
  t.after(() => process.off("worker", add));
  // An ended thread has no number.
  return { started, running: () => started.filter(({ threadId }) => threadId !== -1).length };
}

/** What a program beside this file prints. */
function runChild(name: string): string {
  const path = fileURLToPath(new URL(name, import.meta.url));
  const { status, stdout, stderr } = spawnSync(process.execPath, [path], {
    encoding: "utf8",
    timeout: 60_000,
  });
  assert.equal(status, 0, stderr);
  return stdout;
}

test("the fastest gzip gives the bytes of Go's compress/gzip for every vector", async () => {
  const vectors = gzipVectors();
  assert.equal(vectors.length, 123);
  for (const { name, input, digest, size } of vectors) {
    for (const output of [await packed(input), plainBestSpeed(input)]) {
      assert.equal(output.length, size, name);
      assert.equal(digestOf(output), digest, name);
    }
  }
});

test("layers that imgpkg has pushed come out as it packed them", async () => {
  const folder = join(root, "test/fixtures/imgpkg/observed");
  const layers = readdirSync(folder).filter((name) => name.endsWith(".tar.gz"));
  assert.equal(layers.length, 3);
  for (const name of layers) {
    const layer = readFileSync(join(folder, name));
    assert.ok((await packed(gunzipSync(layer))).equals(layer), name);
  }
});

test("the module in src/ is what its source compiles to", () => {
  const { status, stderr } = spawnSync(process.execPath, ["scripts/wasm.mjs", "--check"], {
    cwd: root,
    encoding: "utf8",
  });
  assert.equal(status, 0, stderr);
});

test("at and around the ends of blocks and batches the bytes are those of the plain encoder", async () => {
  const noise = noiseBytes(2 * block);
  const sizes = [0, 1, 16, 17, 127, 128, 129, block - 1, block, block + 1, 2 * block - 1, 2 * block];
  const tails = [0, 1, 16, 17, 127, 128].map((tail) => block + tail);
  for (const size of [...sizes, ...tails]) {
    for (const [kind, content] of Object.entries({ sample, noise, zeros: Buffer.alloc(2 * block) })) {
      const input = content.subarray(0, size);
      const output = await packed(input);
      assert.ok(output.equals(plainBestSpeed(input)), `${size} bytes of ${kind}`);
      assert.ok(gunzipSync(output).equals(input), `${size} bytes of ${kind}`);
    }
  }
  for (const batches of [1, 3, 4, 5]) {
    for (const more of [-1, 0, 1, block + 17]) {
      const input = sample.subarray(0, batches * batch + more);
      const output = await packed(input);
      assert.ok(output.equals(plainBestSpeed(input)), `${batches} batches and ${more} bytes`);
      assert.ok(gunzipSync(output).equals(input));
    }
  }
});

test("whatever is repeated at whatever distance, the bytes are those of the plain encoder", async () => {
  const piece = fc.oneof(
    fc.record({ noise: fc.integer({ min: 1, max: 40_000 }), seed: fc.integer({ min: 1, max: 99 }) }),
    fc.record({ text: fc.integer({ min: 1, max: 40_000 }), seed: fc.integer({ min: 1, max: 99 }) }),
    fc.record({ value: fc.integer({ min: 0, max: 255 }), count: fc.integer({ min: 1, max: 70_000 }) }),
    fc.record({
      back: fc.oneof(fc.integer({ min: 1, max: 70_000 }), fc.integer({ min: 32_760, max: 32_776 })),
      count: fc.oneof(fc.integer({ min: 4, max: 300 }), fc.integer({ min: 1, max: 70_000 })),
    }),
  );
  await fc.assert(
    fc.asyncProperty(fc.array(piece, { minLength: 1, maxLength: 8 }), async (pieces) => {
      let input = Buffer.alloc(0);
      for (const each of pieces) {
        if ("noise" in each) input = Buffer.concat([input, noiseBytes(each.noise, each.seed)]);
        else if ("text" in each) input = Buffer.concat([input, sampleBytes(each.text, each.seed)]);
        else if ("value" in each) input = Buffer.concat([input, Buffer.alloc(each.count, each.value)]);
        else {
          const start = Math.max(0, input.length - each.back);
          input = Buffer.concat([input, input.subarray(start, start + each.count)]);
        }
      }
      const output = await packed(input);
      assert.ok(output.equals(plainBestSpeed(input)));
      assert.ok(gunzipSync(output).equals(input));
    }),
    { numRuns: 60 },
  );
});

test("a match may begin in the block before and run on into this one", async () => {
  const repeated = sample.subarray(0, 200);
  const input = Buffer.concat([noiseBytes(block - 100), repeated, repeated, noiseBytes(1000, 2)]);
  const output = await packed(input);
  assert.ok(output.equals(plainBestSpeed(input)));
  assert.ok(gunzipSync(output).equals(input));
});

test("20 MiB, more than the positions that the encoder counts on with: the bytes of the plain encoder", async () => {
  const text = sampleBytes(20 * mib, 3);
  assert.ok((await packed(text)).equals(plainBestSpeed(text)));
  const zeros = Buffer.alloc(20 * mib);
  const output = await packed(zeros);
  assert.ok(output.equals(plainBestSpeed(zeros)));
  assert.ok(gunzipSync(output).equals(zeros));
});

test("what cannot be compressed grows by a header for each block", async () => {
  const input = noiseBytes(3 * mib);
  const output = await packed(input);
  assert.equal(output.length, input.length + Math.ceil(input.length / block) * 5 + 23);
  assert.ok(gunzipSync(output).equals(input));
});

test("the bytes do not depend on how the input is cut", async () => {
  for (const size of [200 * kib, 3 * mib]) {
    const input = sample.subarray(0, size);
    const once = await packed(input);
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.integer({ min: 1, max: 900 * kib }), { minLength: 1, maxLength: 4 }),
        async (sizes) => {
          fc.pre(sizes.reduce((sum, each) => sum + each, 0) / sizes.length > kib);
          assert.ok((await all(gzipBestSpeed(cut(input, ...sizes)))).equals(once));
        },
      ),
      { numRuns: 15 },
    );
    assert.ok((await all(gzipBestSpeed(streamOf(Buffer.alloc(0), input, Buffer.alloc(0))))).equals(once));
  }
});

test("several streams at once do not disturb each other", async () => {
  const inputs = [3, 1, 4, 5].map((megabytes, i) => sampleBytes(megabytes * mib, i + 1));
  const outputs = await Promise.all(inputs.map((input) => all(gzipBestSpeed(cut(input, 100_000)))));
  for (const [i, input] of inputs.entries()) assert.ok(outputs[i]?.equals(plainBestSpeed(input)));
});

test("96 MiB go through in a few megabytes of memory", () => {
  const { same, grown, written } = JSON.parse(runChild("./gzip-best-speed-memory.child.js"));
  assert.ok(same);
  assert.ok(written > 30 * mib);
  assert.ok(grown < 32 * mib, `${(grown / mib).toFixed(0)} MiB more than at the start`);
});

test("a stream of up to 2 MB starts no thread, a longer one a single one that ends with it", async (t) => {
  const threads = watchThreads(t);
  await packed(sample.subarray(0, 4 * batch));
  assert.equal(threads.started.length, 0);
  await packed(sample.subarray(0, 4 * batch + 1));
  assert.equal(threads.started.length, 1);
  assert.equal(threads.running(), 0);
});

test("an abort ends the stream, its source and its thread", async (t) => {
  const threads = watchThreads(t);
  for (const when of [0, 1, 100]) {
    const stop = new AbortController();
    const reason = new Error("enough");
    let closed = false;
    async function* source(): AsyncGenerator<Uint8Array> {
      try {
        for (let i = 0; ; i++) {
          if (i === when) stop.abort(reason);
          yield sample.subarray(0, 64 * kib);
        }
      } finally {
        closed = true;
      }
    }
    await assert.rejects(all(gzipBestSpeed(source(), { signal: stop.signal })), reason);
    assert.ok(closed);
  }
  await assert.rejects(all(gzipBestSpeed(streamOf(sample), { signal: AbortSignal.abort(new Error("no")) })), {
    message: "no",
  });
  assert.equal(threads.started.length, 1);
  assert.equal(threads.running(), 0);
});

test("an error of the source comes through as it is, and ends the thread", async (t) => {
  const threads = watchThreads(t);
  const broken = new Error("disk on fire");
  for (const size of [1000, 5 * mib]) {
    async function* source(): AsyncGenerator<Uint8Array> {
      yield sample.subarray(0, size);
      throw broken;
    }
    await assert.rejects(all(gzipBestSpeed(source())), broken);
  }
  assert.equal(threads.started.length, 1);
  assert.equal(threads.running(), 0);
});

test("a consumer that stops early ends the source and the thread", async (t) => {
  const threads = watchThreads(t);
  let closed = false;
  async function* source(): AsyncGenerator<Uint8Array> {
    try {
      for (;;) yield sample;
    } finally {
      closed = true;
    }
  }
  let chunks = 0;
  for await (const _ of gzipBestSpeed(source())) if (++chunks === 3) break;
  assert.ok(closed);
  assert.equal(threads.started.length, 1);
  assert.equal(threads.running(), 0);
});

test("a thread that ends too early is an error, not a short stream", async (t) => {
  const end = (worker: Worker) => void worker.terminate();
  process.once("worker", end);
  t.after(() => process.off("worker", end));
  await assert.rejects(packed(sample), /^Error: the thread that compresses ended with/);
});

test("a stream that is left alone does not keep the process alive", () => {
  assert.equal(runChild("./gzip-best-speed-left.child.js"), "1 thread");
});
