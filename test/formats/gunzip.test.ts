import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import test from "node:test";
import { gzipSync } from "node:zlib";
import { collect } from "../../src/bytes/collect.ts";
import { type ByteStream, streamOf } from "../../src/bytes/stream.ts";
import { gunzip } from "../../src/formats/gzip/gunzip.ts";
import { findProgram, needs } from "../support/peers.ts";
import { cut, sampleBytes } from "../support/sample-bytes.ts";

const kib = 1024;
const mib = 1024 * kib;
const all = (stream: ByteStream) => collect(stream, 512 * mib, "output");
const sample = sampleBytes(2 * mib + 99);
const packed = gzipSync(sample);
const twice = Buffer.concat([packed, gzipSync("and more")]);
const both = Buffer.concat([sample, Buffer.from("and more")]);
const archiveError = { code: "ERR_LADING_ARCHIVE" };

test("gunzip gives the content back however the input is cut", async () => {
  for (const sizes of [[1000], [64 * kib], [1, 70_000, 3], [packed.length], [8 * mib]]) {
    assert.ok((await all(gunzip(cut(packed, ...sizes)))).equals(sample), `${sizes}`);
  }
  const short = gzipSync("byte by byte");
  assert.equal((await all(gunzip(cut(short, 1)))).toString(), "byte by byte");
});

test("gunzip reads all members, cut between them or anywhere", async () => {
  assert.ok((await all(gunzip(streamOf(twice)))).equals(both));
  assert.ok((await all(gunzip(streamOf(packed, twice.subarray(packed.length))))).equals(both));
  const short = Buffer.concat([gzipSync("a"), gzipSync(""), gzipSync("b")]);
  for (let at = 0; at <= short.length; at++) {
    const halves = streamOf(short.subarray(0, at), short.subarray(at));
    assert.equal((await all(gunzip(halves))).toString(), "ab", `cut at ${at}`);
  }
});

test("gunzip reads the members that pigz and bgzip-like writers make", needs("pigz"), async () => {
  const { stdout } = spawnSync(findProgram("pigz") ?? "", ["-p2", "-b128", "-c"], {
    input: sample,
    maxBuffer: 16 * mib,
  });
  assert.ok((await all(gunzip(cut(stdout, 4096)))).equals(sample));
});

test("zeros after the last member are padding", async () => {
  const padded = Buffer.concat([packed, Buffer.alloc(70_000)]);
  assert.ok((await all(gunzip(streamOf(padded)))).equals(sample));
  assert.ok((await all(gunzip(cut(padded, 5000)))).equals(sample));
  assert.ok((await all(gunzip(streamOf(packed, Buffer.alloc(1), Buffer.alloc(511))))).equals(sample));
});

test("anything else after the last member is an error", async () => {
  const junk = Buffer.from("junk that is not gzip");
  await assert.rejects(all(gunzip(streamOf(Buffer.concat([packed, junk])))), archiveError);
  await assert.rejects(all(gunzip(streamOf(packed, junk))), archiveError);
  await assert.rejects(all(gunzip(streamOf(Buffer.concat([packed, Buffer.alloc(9), junk])))), archiveError);
  await assert.rejects(all(gunzip(streamOf(packed, Buffer.alloc(9), junk))), archiveError);
});

test("gzip data cut short anywhere are an error, never a shorter content", async () => {
  const short = gzipSync(sample.subarray(0, 300));
  for (let length = 0; length < short.length; length++) {
    await assert.rejects(all(gunzip(streamOf(short.subarray(0, length)))), archiveError, `${length} bytes`);
  }
  await assert.rejects(all(gunzip(cut(packed.subarray(0, -1), 64 * kib), { what: "layer 3" })), {
    ...archiveError,
    message: "layer 3 is cut short: its gzip data end too early",
  });
  await assert.rejects(all(gunzip(streamOf(twice.subarray(0, packed.length + 5)))), archiveError);
});

test("a flipped bit is an error", async () => {
  for (const at of [12, 5000, packed.length - 6, packed.length - 2]) {
    const wrong = Buffer.from(packed);
    wrong[at] = (wrong[at] ?? 0) ^ 0x10;
    await assert.rejects(all(gunzip(cut(wrong, 64 * kib))), archiveError, `byte ${at}`);
  }
  await assert.rejects(all(gunzip(streamOf(Buffer.from("no gzip at all")))), archiveError);
});

test("gunzip asks for no chunk before it needs it, and closes its source when left", async () => {
  let asked = 0;
  let closed = false;
  const zeros = gzipSync(Buffer.alloc(64 * mib));
  async function* source(): AsyncGenerator<Uint8Array> {
    try {
      for await (const chunk of cut(zeros, 16 * kib)) {
        asked++;
        yield chunk;
      }
    } finally {
      closed = true;
    }
  }
  const output = gunzip(source());
  assert.ok(((await output.next()).value?.byteLength ?? 0) <= mib);
  await new Promise((resolve) => setTimeout(resolve, 20));
  assert.equal(asked, 1);
  await output.return(undefined);
  assert.ok(closed);
});

test("an error of the source passes through gunzip as it is", async () => {
  const broken = new Error("connection reset");
  async function* source(): AsyncGenerator<Uint8Array> {
    yield packed.subarray(0, 1000);
    throw broken;
  }
  await assert.rejects(all(gunzip(source())), broken);
});
