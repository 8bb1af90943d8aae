import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import test from "node:test";
import { streamOf } from "../../src/bytes/stream.ts";
import { tarEnd } from "../../src/formats/tar/encode.ts";
import { encodeGoHeader, type GoTarEntry, goFileMode } from "../../src/formats/tar/go-header.ts";
import { findProgram, needs } from "../support/peers.ts";
import { list } from "./tar-entries.ts";

function entry(spec: Partial<GoTarEntry>): GoTarEntry {
  return { name: "f", type: "file", mode: 0o600, size: 0, ...spec };
}

/** Text of a field, NULs shown as dots. */
function field(block: Buffer, start: number, end: number): string {
  return block.toString("latin1", start, end).replaceAll("\0", ".");
}

test("the root of a layer has the header that imgpkg was seen to write", () => {
  const block = encodeGoHeader(entry({ name: ".", type: "directory", mode: 0o700 }));
  const expected = Buffer.alloc(512);
  expected.write(".", 0);
  expected.write("0000700\x000000000\x000000000\x0000000000000\x0000000000000\x00007251\0 5", 100, "latin1");
  expected.write("ustar\x0000", 257, "latin1");
  expected.write("0000000\x000000000\0", 329, "latin1");
  assert.deepEqual(block, expected);
});

test("a long name is split at the last slash that leaves both parts short enough", () => {
  const folder = "d".repeat(60);
  const name = `${folder}/${"e".repeat(60)}/${"f".repeat(60)}`;
  const block = encodeGoHeader(entry({ name }));
  assert.equal(block.length, 512);
  assert.equal(field(block, 0, 100), "f".repeat(60).padEnd(100, "."));
  assert.equal(field(block, 345, 500), name.slice(0, 121).padEnd(155, "."));
  // 155 bytes of prefix and 100 of name are the most.
  const most = `${"p".repeat(155)}/${"n".repeat(100)}`;
  assert.equal(encodeGoHeader(entry({ name: most })).length, 512);
  assert.equal(encodeGoHeader(entry({ name: `p${most}` })).length, 512 * 3);
  assert.equal(encodeGoHeader(entry({ name: `${most}n` })).length, 512 * 3);
  // A name of exactly 100 bytes needs nothing.
  assert.equal(field(encodeGoHeader(entry({ name: "x".repeat(100) })), 0, 101), `${"x".repeat(100)}0`);
});

test("a name that two fields cannot hold goes into a PAX header, with Go's name and empty device fields", () => {
  const base = "n".repeat(101);
  const blocks = encodeGoHeader(entry({ name: `dir/${base}`, mode: 0o700 }));
  assert.equal(blocks.length, 512 * 3);
  const extra = blocks.subarray(0, 512);
  assert.equal(field(extra, 0, 100), `dir/PaxHeaders.0/${base}`.slice(0, 100));
  assert.equal(field(extra, 100, 124), "0000000.0000000.0000000.");
  const record = `115 path=dir/${base}\n`;
  assert.equal(record.length, 115);
  assert.equal(Number.parseInt(field(extra, 124, 135), 8), 115);
  assert.equal(field(extra, 136, 148), "00000000000.");
  assert.equal(field(extra, 156, 157), "x");
  assert.equal(field(extra, 257, 265), "ustar.00");
  assert.equal(field(extra, 265, 512), ".".repeat(247));
  assert.equal(field(blocks, 512, 1024), record.padEnd(512, "."));
  const main = blocks.subarray(1024);
  assert.equal(field(main, 0, 108), `${`dir/${base}`.slice(0, 100)}0000700.`);
  assert.equal(field(main, 329, 345), "0000000.0000000.");
});

test("characters beyond ASCII are dropped from the names in fields, not from the path", () => {
  const blocks = encodeGoHeader(entry({ name: "café/größe\u{1f600}" }));
  assert.equal(field(blocks, 0, 100), "caf/PaxHeaders.0/gre".padEnd(100, "."));
  assert.equal(blocks.toString("utf8", 512, 512 + 29).replace(/\0+$/, ""), "26 path=café/größe\u{1f600}\n");
  assert.equal(field(blocks, 1024, 1124), "caf/gre".padEnd(100, "."));
  // Nothing may be left of a name.
  const none = encodeGoHeader(entry({ name: "日本" }));
  assert.equal(field(none, 0, 100), "PaxHeaders.0".padEnd(100, "."));
  assert.equal(field(none, 1024, 1124), ".".repeat(100));
});

test("a cut name does not end in a slash, which would make a folder of it", () => {
  const cut = (name: string) => field(encodeGoHeader(entry({ name })).subarray(1024), 0, 100);
  assert.equal(cut(`${"a".repeat(99)}/${"b".repeat(101)}`), `${"a".repeat(99)}.`);
  // Only the first of several slashes is taken away.
  assert.equal(cut(`${"a".repeat(98)}/é/${"b".repeat(101)}`), `${"a".repeat(98)}./`);
});

test("sizes from 8 GiB go into a PAX header", () => {
  const most = encodeGoHeader(entry({ size: 8 * 1024 ** 3 - 1 }));
  assert.equal(most.length, 512);
  assert.equal(field(most, 124, 136), "77777777777.");
  const blocks = encodeGoHeader(entry({ size: 8 * 1024 ** 3 }));
  assert.equal(blocks.length, 512 * 3);
  assert.equal(field(blocks, 512, 531), "19 size=8589934592\n");
  assert.equal(field(blocks, 1024 + 124, 1024 + 136), "00000000000.");
  // With a long name both are said, also where two fields would hold the name.
  const name = `${"d".repeat(60)}/${"f".repeat(60)}`;
  const both = encodeGoHeader(entry({ name, size: 8 * 1024 ** 3 }));
  const records = `131 path=${name}\n19 size=8589934592\n`;
  assert.equal(field(both, 512, 512 + records.length), records);
  assert.equal(field(both, 1024 + 345, 1024 + 500), ".".repeat(155));
});

test("modes count as Go's do, and those that octal digits cannot say make a GNU header", () => {
  assert.equal(goFileMode(0o100644), 0o644);
  assert.equal(goFileMode(0o040755), 2 ** 31 + 0o755);
  assert.equal(goFileMode(0o104755), 2 ** 23 + 0o755);
  assert.equal(goFileMode(0o102755), 2 ** 22 + 0o755);
  assert.equal(goFileMode(0o041777), 2 ** 31 + 2 ** 20 + 0o777);

  const sticky = encodeGoHeader(entry({ mode: goFileMode(0o101644) }));
  assert.equal(field(sticky, 100, 108), "4000644.");
  assert.equal(field(sticky, 257, 265), "ustar.00");

  const folder = encodeGoHeader(entry({ name: "d", type: "directory", mode: goFileMode(0o040755) }));
  assert.deepEqual(folder.subarray(100, 108), Buffer.from("80000000800001ed", "hex"));
  assert.equal(field(folder, 257, 265), "ustar  .");
  assert.equal(field(folder, 108, 116), "0000000.");
  assert.equal(field(folder, 329, 345), "0000000.0000000.");

  const setuid = encodeGoHeader(entry({ mode: goFileMode(0o104755) }));
  assert.deepEqual(setuid.subarray(100, 108), Buffer.from("80000000008001ed", "hex"));
  const large = encodeGoHeader(entry({ mode: goFileMode(0o104755), size: 8 * 1024 ** 3 }));
  assert.deepEqual(large.subarray(124, 136), Buffer.from("800000000000000200000000", "hex"));
});

test("a GNU header has names as bytes, and long ones before it", () => {
  const mode = goFileMode(0o104755);
  const short = encodeGoHeader(entry({ name: "é", mode }));
  assert.equal(short.length, 512);
  assert.equal(short.toString("utf8", 0, 2), "é");
  const name = `dir/${"é".repeat(60)}`;
  const blocks = encodeGoHeader(entry({ name, mode }));
  assert.equal(blocks.length, 512 * 3);
  assert.equal(field(blocks, 0, 100), "././@LongLink".padEnd(100, "."));
  assert.equal(field(blocks, 156, 157), "L");
  assert.equal(field(blocks, 257, 265), "ustar  .");
  assert.equal(field(blocks, 329, 345), ".".repeat(16));
  assert.equal(Number.parseInt(field(blocks, 124, 135), 8), Buffer.byteLength(name) + 1);
  assert.equal(blocks.toString("utf8", 512, 512 + 125), `${name}\0`);
  assert.deepEqual(blocks.subarray(1024, 1124), Buffer.from(name).subarray(0, 100));
});

const names = ["a", "café", `${"d".repeat(90)}/${"f".repeat(90)}`, `x/${"é".repeat(200)}`, "y".repeat(300)];

test("Lading's reader and GNU tar read all of them alike", needs("tar"), async () => {
  const entries = names.flatMap((name) => [
    entry({ name: `${name}-1` }),
    entry({ name: `${name}-2`, mode: goFileMode(0o104755) }),
    entry({ name: `${name}-3`, type: "directory", mode: goFileMode(0o040750) }),
  ]);
  const tar = Buffer.concat([...entries.map(encodeGoHeader), tarEnd]);
  const expected = entries.map(({ name, type }) => `${type} ${name}`);
  const listed = await list(streamOf(tar));
  assert.deepEqual(
    listed.map(({ name, type }) => `${type} ${name}`),
    expected,
  );
  assert.equal(listed[2]?.mode, 0o750);
  const gnu = spawnSync(findProgram("tar") ?? "", ["tf", "-", "--quoting-style=literal"], { input: tar });
  assert.deepEqual(
    gnu.stdout
      .toString()
      .trimEnd()
      .split("\n")
      .map((line) => line.replace(/\/$/, "")),
    entries.map(({ name }) => name),
    gnu.stderr.toString(),
  );
});
