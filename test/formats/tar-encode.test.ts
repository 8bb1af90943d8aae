import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { Readable } from "node:stream";
import test from "node:test";
import fc from "fast-check";
import { list as npmTarList } from "tar";
import { extract } from "tar-stream";
import { streamOf } from "../../src/bytes/stream.ts";
import { encodeHeader, padding, tarEnd } from "../../src/formats/tar/encode.ts";
import type { TarEntry } from "../../src/formats/tar/entry.ts";
import { readTar } from "../../src/formats/tar/read.ts";
import { needs } from "../support/peers.ts";
import { type EntrySpec, entryOf, tarOf } from "../support/tar.ts";
import { tempDir } from "../support/tmp.ts";
import { chunked, type Listed, list, pythonLister } from "./tar-entries.ts";

const long = "directory-name/".repeat(20);

/** Everything that the encoder has a special case for. */
const samples: readonly EntrySpec[] = [
  { name: "plain.txt", data: "hello" },
  { name: "empty" },
  { name: "dir", type: "directory" },
  { name: "dir/script", mode: 0o755, data: "#!/bin/sh\n" },
  { name: "dir/setuid", mode: 0o4755, data: "x".repeat(512) },
  { name: `${"d".repeat(60)}/${"f".repeat(90)}`, data: "split into prefix and name" },
  { name: `${"d".repeat(155)}/${"f".repeat(100)}`, data: "the longest that ustar can hold" },
  { name: `${"d".repeat(156)}/${"f".repeat(100)}`, data: "one more" },
  { name: "f".repeat(101), data: "no slash to split at" },
  { name: `${long}file`, data: "long path" },
  { name: long, type: "directory" },
  { name: "grüße/日本語-😀.txt", data: "not ASCII" },
  { name: "link", type: "symlink", linkName: "plain.txt" },
  { name: "link-long", type: "symlink", linkName: `../${long}file` },
  { name: "link-utf8", type: "symlink", linkName: "grüße" },
  { name: "hard", type: "hardlink", linkName: "plain.txt" },
  { name: "fifo", type: "fifo" },
  { name: "null", type: "character", devMajor: 1, devMinor: 3 },
  { name: "disk", type: "block", devMajor: 8, devMinor: 1 },
  { name: "owner", uid: 3_000_000, gid: 4_000_000_000, data: "large ids" },
  { name: "named", uname: "user", gname: "group", data: "" },
  { name: "named-long", uname: "u".repeat(40), gname: "größe", data: "" },
  { name: "before", mtime: -1 },
  { name: "fraction", mtime: 1_234_567_890.25 },
  { name: "far", mtime: 9_000_000_000 },
];

test("a plain file is a ustar header of exactly these bytes", () => {
  const header = encodeHeader(entryOf({ name: "a/b.txt", data: "12345" }));
  assert.equal(header.length, 512);
  const field = (start: number, length: number): string => header.toString("latin1", start, start + length);
  assert.equal(field(0, 8), "a/b.txt\0");
  assert.equal(field(100, 24), "0000644\x000000000\x000000000\0");
  assert.equal(field(124, 24), "00000000005\x0007346545000\0");
  assert.equal(field(148, 9), "010444\0 0");
  assert.equal(field(257, 8), "ustar\x0000");
  assert.equal(field(329, 16), "0000000\x000000000\0");
  assert.ok(header.subarray(345).every((byte) => byte === 0));
});

test("PAX is used only for what ustar cannot say, sorted, without times of access and change", () => {
  const plain = encodeHeader(entryOf({ name: `${"d".repeat(155)}/${"f".repeat(100)}` }));
  assert.equal(plain.length, 512);
  const header = encodeHeader(
    entryOf({
      name: "ü",
      uid: 2 ** 31,
      mtime: 1.5,
      pax: { "SCHILY.xattr.user.x": "\x00\xff=\n", atime: "1", ctime: "2", path: "elsewhere", comment: "c" },
    }),
  );
  assert.equal(header.length, 3 * 512);
  assert.equal(header.toString("latin1", 156, 157), "x");
  const records = header.subarray(512, 1024);
  assert.equal(
    records.subarray(0, records.indexOf("\0\0\0\0")).toString("latin1"),
    "28 SCHILY.xattr.user.x=\x00\xff=\n\n13 comment=c\n13 mtime=1.5\n11 path=\xc3\xbc\n18 uid=2147483648\n",
  );
});

test("the length of a PAX record counts its own digits, also where a digit is added", async () => {
  for (let length = 101; length < 140; length++) {
    const name = "n".repeat(length);
    assert.deepEqual(
      (await list(streamOf(tarOf({ name })))).map((entry) => entry.name),
      [name],
    );
  }
  for (let length = 980; length < 1000; length++) {
    const name = "n".repeat(length);
    assert.equal((await list(streamOf(tarOf({ name }))))[0]?.name, name);
  }
});

test("what no tar can hold is refused", () => {
  const wrong: EntrySpec[] = [
    { name: "" },
    { name: "a\0b" },
    { name: "a", type: "symlink", linkName: "b\0" },
    { name: "a", mode: 0o10000 },
    { name: "a", mode: -1 },
    { name: "a", uid: -1 },
    { name: "a", gid: 1.5 },
    { name: "a", size: 2 ** 60 },
    { name: "a", mtime: Number.NaN },
    { name: "a", type: "character", devMajor: 0o10000000 },
    { name: "a", pax: { "a=b": "c" } },
  ];
  for (const spec of wrong) {
    assert.throws(() => encodeHeader(entryOf(spec)), { code: "ERR_LADING_USAGE" }, JSON.stringify(spec));
  }
});

function expected(spec: EntrySpec, listed: Listed): Listed {
  const entry = entryOf(spec);
  return {
    name: entry.name.replace(/\/$/, ""),
    type: entry.type,
    mode: entry.mode,
    uid: entry.uid,
    gid: entry.gid,
    mtime: entry.mtime,
    size: entry.size,
    linkName: entry.linkName ?? "",
    sha256: listed.sha256,
  };
}

test("readTar gives back what encodeHeader was given", async () => {
  const archive = tarOf(...samples);
  for (const size of [1 << 20, 512, 500, 1]) {
    const listed = await list(chunked(archive, size));
    assert.deepEqual(
      listed,
      samples.map((spec, i) => expected(spec, listed[i] as Listed)),
    );
  }
});

test("python's tarfile reads what we write", needs("python3"), async (t) => {
  const file = join(await tempDir(t), "a.tar");
  const archive = tarOf(...samples);
  writeFileSync(file, archive);
  const theirs = JSON.parse(execFileSync("python3", ["-c", pythonLister, file], { encoding: "utf8" }));
  assert.deepEqual(theirs, await list(streamOf(archive)));
});

test("GNU tar reads what we write", needs("tar"), async (t) => {
  const file = join(await tempDir(t), "a.tar");
  writeFileSync(file, tarOf(...samples));
  const out = execFileSync("tar", ["--quoting-style=literal", "-tf", file], {
    encoding: "utf8",
    stdio: ["ignore", "pipe", "inherit"],
  });
  assert.deepEqual(
    out.trimEnd().split("\n"),
    samples.map(({ name, type }) => (type === "directory" && !name.endsWith("/") ? `${name}/` : name)),
  );
});

test("tar-stream and node-tar read what we write", async () => {
  // Neither takes negative times or fractions from PAX as numbers of ours.
  const common = samples.filter(({ mtime }) => mtime === undefined);
  const archive = tarOf(...common);
  const ours = await list(streamOf(archive));
  const streamed: string[] = [];
  for await (const entry of Readable.from([archive]).pipe(extract())) {
    streamed.push(
      `${entry.header.name.replace(/\/$/, "")} ${entry.header.size} ${entry.header.linkname ?? ""}`,
    );
    entry.resume();
  }
  assert.deepEqual(
    streamed,
    ours.map(({ name, size, linkName }) => `${name} ${size} ${linkName}`),
  );
  const npm: string[] = [];
  await new Promise<void>((resolve, reject) => {
    npmTarList({
      onReadEntry: (entry) =>
        npm.push(`${entry.path.replace(/\/$/, "")} ${entry.size} ${entry.linkpath ?? ""}`),
    })
      .on("end", resolve)
      .on("error", reject)
      .end(archive);
  });
  assert.deepEqual(
    npm,
    ours.map(({ name, size, linkName }) => `${name} ${size} ${linkName}`),
  );
});

const name = fc
  .array(fc.string({ unit: "grapheme", minLength: 1, maxLength: 60 }), { minLength: 1, maxLength: 8 })
  .map((parts) => parts.map((part) => part.replace(/[/\0]/g, "_")).join("/"));

const anyEntry: fc.Arbitrary<TarEntry> = fc
  .record({
    name,
    type: fc.constantFrom("file", "directory", "symlink", "hardlink", "fifo"),
    mode: fc.nat(0o7777),
    uid: fc.nat(2 ** 31 - 1),
    gid: fc.maxSafeNat(),
    mtime: fc.oneof(
      fc.integer({ min: -(2 ** 40), max: 2 ** 40 }),
      fc.integer({ min: 0, max: 2 ** 40 }).map((n) => n / 8),
    ),
    linkName: name,
    uname: fc.string({ maxLength: 40 }).map((text) => text.replaceAll("\0", "")),
    pax: fc.dictionary(
      fc.stringMatching(/^[A-Za-z.]{1,30}$/).map((key) => `X.${key}`),
      fc.string({ minLength: 1 }),
      {
        maxKeys: 3,
        noNullPrototype: true,
      },
    ),
  })
  .map(({ linkName, uname, pax, ...rest }) => ({
    ...rest,
    size: 0,
    ...(rest.type === "symlink" || rest.type === "hardlink" ? { linkName } : {}),
    ...(uname === "" ? {} : { uname }),
    ...(Object.keys(pax).length === 0 ? {} : { pax }),
  }));

test("any entry comes back as it was, in any chunks, and always as the same bytes", async () => {
  await fc.assert(
    fc.asyncProperty(
      anyEntry,
      fc.uint8Array({ maxLength: 2000 }),
      fc.integer({ min: 1, max: 3000 }),
      async (one, data, size) => {
        const entry: TarEntry = one.type === "file" ? { ...one, size: data.length } : one;
        const content = entry.type === "file" ? data : new Uint8Array(0);
        const header = encodeHeader(entry);
        assert.deepEqual(header, encodeHeader({ ...entry }));
        const archive = Buffer.concat([header, content, padding(content.length), tarEnd]);
        let count = 0;
        for await (const item of readTar(chunked(archive, size))) {
          count++;
          const { name, type, mode, uid, gid, mtime, size, linkName, uname, pax } = item;
          assert.deepEqual(
            {
              ...{ name, type, mode, uid, gid, mtime, size },
              ...(linkName === undefined ? {} : { linkName }),
              ...(uname === undefined ? {} : { uname }),
              ...(pax === undefined ? {} : { pax: { ...pax } }),
            },
            entry,
          );
          assert.deepEqual(Buffer.from(item.bytes ?? []), Buffer.from(content));
          assert.equal(item.offset, header.length);
        }
        assert.equal(count, 1);
      },
    ),
    { numRuns: 300 },
  );
});
