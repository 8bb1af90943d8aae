import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import test from "node:test";
import { gzipSync } from "node:zlib";
import fc from "fast-check";
import { streamOf } from "../../src/bytes/stream.ts";
import { isLadingError, LadingError } from "../../src/errors.ts";
import { readTar } from "../../src/formats/tar/read.ts";
import { tarBlocks, tarOf } from "../support/tar.ts";
import { chunked, list } from "./tar-entries.ts";

const archive = tarOf(
  { name: "first", data: "one" },
  { name: "n".repeat(300), data: Buffer.alloc(70_000, 3) },
  { name: "last", type: "symlink", linkName: "ü" },
);

test("an archive cut anywhere within an entry says in which", async () => {
  const whole = archive.length - 1024;
  // Only between two whole entries does nothing tell that something is missing.
  const borders = new Set([0, 1024, 1024 + 3 * 512 + 70_144, whole]);
  const lengths = [
    1,
    2,
    511,
    512,
    513,
    1000,
    1023,
    1025,
    1536,
    2000,
    2048,
    2560,
    5000,
    70_000,
    whole - 1,
    whole - 600,
  ];
  for (const length of lengths) {
    assert.ok(!borders.has(length));
    await assert.rejects(
      list(chunked(archive.subarray(0, length), 4096)),
      (error: unknown) =>
        isLadingError(error) &&
        error.code === "ERR_LADING_ARCHIVE" &&
        (length < 512 ? /not a tar/ : /cut short|ends after an extended/).test(error.message),
      `cut to ${length}`,
    );
  }
  for (const length of borders) await list(streamOf(archive.subarray(0, length)));
  await assert.rejects(list(streamOf(archive.subarray(0, 40_000))), /cut short in entry "nnn/);
});

test("missing, single and garbage-followed end blocks are read like every tar does", async () => {
  const body = archive.subarray(0, archive.length - 1024);
  const expected = await list(streamOf(archive));
  const garbage = randomBytes(3000);
  for (const end of [
    Buffer.alloc(0),
    Buffer.alloc(512),
    Buffer.alloc(700),
    Buffer.alloc(1024),
    Buffer.alloc(10_240),
    Buffer.concat([Buffer.alloc(1024), garbage]),
  ]) {
    assert.deepEqual(await list(streamOf(Buffer.concat([body, end]))), expected);
  }
  assert.deepEqual(await list(streamOf()), []);
});

test("one block of zeros among the entries is refused: readers differ on what follows", async () => {
  const hidden = Buffer.concat([tarBlocks({ name: "shown" }), Buffer.alloc(512), tarOf({ name: "hidden" })]);
  await assert.rejects(list(streamOf(hidden)), { code: "ERR_LADING_ARCHIVE", message: /zeros.*"shown"/ });
});

test("the stream is read to its end, so that a check of the digest beneath is not passed over", async () => {
  let ended = false;
  async function* stream(): AsyncGenerator<Uint8Array> {
    yield archive;
    yield Buffer.alloc(5000);
    ended = true;
    throw new LadingError("ERR_LADING_DIGEST_MISMATCH", "wrong");
  }
  await assert.rejects(list(stream()), { code: "ERR_LADING_DIGEST_MISMATCH" });
  assert.ok(ended);
});

test("who stops early stops the stream, too", async () => {
  let closed = false;
  async function* stream(): AsyncGenerator<Uint8Array> {
    try {
      for (;;) yield tarBlocks({ name: "again" });
    } finally {
      closed = true;
    }
  }
  for await (const item of readTar(stream())) if (item.name === "again") break;
  assert.ok(closed);
});

test("what is no tar says so, and compressed data say what to do", async () => {
  const tries: [Uint8Array, RegExp][] = [
    [Buffer.from("<html>not found</html>"), /no tar header/],
    [randomBytes(4096), /no tar header/],
    [gzipSync(archive), /gzip data/],
    [Buffer.concat([Buffer.from([0x28, 0xb5, 0x2f, 0xfd]), randomBytes(2000)]), /zstd data/],
  ];
  for (const [bytes, hint] of tries) {
    await assert.rejects(list(streamOf(bytes), { what: "a.tar" }), (error: unknown) => {
      assert.ok(isLadingError(error));
      assert.equal(error.code, "ERR_LADING_ARCHIVE");
      assert.equal(error.message, "not a tar archive");
      assert.equal(error.place, "a.tar");
      assert.match(error.hint ?? "", hint);
      return true;
    });
  }
});

test("a damaged header names the entry before it", async () => {
  const damaged = Buffer.from(archive);
  damaged[1024 + 1] = 0x41;
  await assert.rejects(list(streamOf(damaged)), {
    code: "ERR_LADING_ARCHIVE",
    message: 'the archive is damaged: the header at byte 1024 (after the entry "first") has a wrong checksum',
  });
});

test("limits: entries, names, extended headers, size of a file", async () => {
  const limit = { code: "ERR_LADING_LIMIT" };
  await assert.rejects(list(streamOf(archive), { maxEntries: 2 }), limit);
  assert.equal((await list(streamOf(archive), { maxEntries: 3 })).length, 3);
  await assert.rejects(list(streamOf(archive), { maxNameBytes: 299 }), limit);
  assert.equal((await list(streamOf(archive), { maxNameBytes: 300 })).length, 3);
  await assert.rejects(list(streamOf(archive), { maxPaxBytes: 300 }), limit);
  await assert.rejects(list(streamOf(archive), { maxEntryBytes: 69_999 }), limit);
  const names = tarOf(...Array.from({ length: 50 }, (_, i) => ({ name: `${"n".repeat(98)}${i + 10}` })));
  assert.equal((await list(streamOf(names), { maxMetadataBytes: 5000 })).length, 50);
  await assert.rejects(list(streamOf(names), { maxMetadataBytes: 4999 }), limit);
  const headers = tarOf(...["a", "b"].map((name) => ({ name, pax: { c: "x".repeat(1000) } })));
  assert.equal((await list(streamOf(headers), { maxMetadataBytes: 2100 })).length, 2);
  await assert.rejects(list(streamOf(headers), { maxMetadataBytes: 2000 }), limit);
  await assert.rejects(list(streamOf(tarOf({ name: "ü".repeat(2049) }))), limit);
  await assert.rejects(list(streamOf(tarOf({ name: "a", pax: { c: "x".repeat(1024 * 1024) } }))), limit);
});

test("a header that claims an extended header of 8 GiB costs no memory", async () => {
  const header = Buffer.from(tarBlocks({ name: "x", size: 8_000_000_000 }));
  header[156] = 0x78;
  const sum = Number.parseInt(header.toString("latin1", 148, 154), 8) + 0x78 - 0x30;
  header.write(sum.toString(8).padStart(6, "0"), 148, "latin1");
  await assert.rejects(list(streamOf(header)), { code: "ERR_LADING_LIMIT" });
});

test("names that are not UTF-8 are refused, not changed", async () => {
  const blocks = Buffer.from(tarBlocks({ name: "caf_" }));
  blocks[3] = 0xe9;
  const sum = Number.parseInt(blocks.toString("latin1", 148, 154), 8) + 0xe9 - 0x5f;
  blocks.write(sum.toString(8).padStart(6, "0"), 148, "latin1");
  await assert.rejects(list(streamOf(blocks)), { code: "ERR_LADING_ARCHIVE", message: /UTF-8/ });
});

test("an aborted reading ends with the signal's reason", async () => {
  const controller = new AbortController();
  const reason = new Error("enough");
  const reading = (async () => {
    for await (const item of readTar(chunked(archive, 512), { signal: controller.signal })) {
      if (item.name === "first") controller.abort(reason);
    }
  })();
  await assert.rejects(reading, reason);
});

test("whatever bytes come, there is an answer or a coded error", async () => {
  // The sums are made right again, so that changes get past them.
  const fix = (bytes: Buffer): void => {
    for (let at = 0; at + 512 <= bytes.length; at += 512) {
      if (bytes.toString("latin1", at + 257, at + 262) !== "ustar") continue;
      bytes.fill(0x20, at + 148, at + 156);
      let sum = 0;
      for (let i = at; i < at + 512; i++) sum += bytes[i] as number;
      bytes.write(`${sum.toString(8).padStart(6, "0")}\0 `, at + 148, "latin1");
    }
  };
  const small = tarOf(
    { name: "first", data: "one" },
    { name: "n".repeat(120), data: "two", pax: { "X.y": "z" } },
    { name: "link", type: "symlink", linkName: "t".repeat(130) },
  );
  const change = fc.tuple(fc.nat(small.length - 1), fc.nat(255));
  await fc.assert(
    fc.asyncProperty(
      fc.array(change, { minLength: 1, maxLength: 8 }),
      fc.boolean(),
      async (changes, fixed) => {
        const bytes = Buffer.from(small);
        for (const [at, value] of changes) bytes[at] = value;
        if (fixed) fix(bytes);
        try {
          await list(chunked(bytes, 700), { maxEntryBytes: 10_000_000 });
        } catch (error) {
          if (!isLadingError(error)) throw error;
        }
      },
    ),
    { numRuns: 2000 },
  );
});
