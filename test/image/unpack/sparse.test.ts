import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { closeSync, createReadStream, ftruncateSync, openSync, readSync, statSync, writeSync } from "node:fs";
import { join } from "node:path";
import test from "node:test";
import { encodeHeader, padding, tarEnd } from "../../../src/formats/tar/encode.ts";
import { unpackLayer } from "../../../src/image/unpack/unpack.ts";
import { needs } from "../../support/peers.ts";
import { entryOf } from "../../support/tar.ts";
import { tempDir } from "../../support/tmp.ts";

const size = 4 * 1024 ** 3;
const extents = [0, 1024 ** 3 + 4096, size - 8192];

for (const flags of [["--format=gnu"], ["--format=posix", "--sparse-version=0.0"], ["--format=posix"]]) {
  test(`4 GiB of holes stay holes, and memory stays flat: ${flags.join(" ")}`, needs("tar"), async (t) => {
    const base = await tempDir(t);
    const file = openSync(join(base, "disk"), "w");
    ftruncateSync(file, size);
    for (const [i, offset] of extents.entries()) writeSync(file, Buffer.alloc(8192, i + 1), 0, 8192, offset);
    closeSync(file);
    execFileSync("tar", [...flags, "--sparse", "-C", base, "-czf", join(base, "a.tar.gz"), "disk"]);
    const before = process.memoryUsage().rss;
    const result = await unpackLayer(createReadStream(join(base, "a.tar.gz")), join(base, "out"));
    assert.ok(process.memoryUsage().rss - before < 100e6);
    assert.equal(result.bytes, size);
    const stats = statSync(join(base, "out", "disk"));
    assert.equal(stats.size, size);
    assert.ok(stats.blocks * 512 < 1_000_000, `${stats.blocks} blocks`);
    const copy = openSync(join(base, "out", "disk"), "r");
    const piece = Buffer.alloc(8192);
    for (const [i, offset] of extents.entries()) {
      readSync(copy, piece, 0, 8192, offset);
      assert.ok(piece.equals(Buffer.alloc(8192, i + 1)));
    }
    readSync(copy, piece, 0, 8192, 2 * 1024 ** 3);
    assert.ok(piece.equals(Buffer.alloc(8192)));
    closeSync(copy);
  });
}

test("a file of 150 MB goes by in pieces", async (t) => {
  const target = join(await tempDir(t), "out");
  const block = Buffer.alloc(1_000_000, "lading");
  async function* tar(): AsyncGenerator<Uint8Array> {
    yield encodeHeader(entryOf({ name: "big", size: 150 * block.length }));
    for (let i = 0; i < 150; i++) yield block;
    yield padding(150 * block.length);
    yield tarEnd;
  }
  const before = process.memoryUsage().rss;
  await unpackLayer(tar(), target);
  assert.ok(process.memoryUsage().rss - before < 80e6);
  const copy = openSync(join(target, "big"), "r");
  const piece = Buffer.alloc(block.length);
  for (const i of [0, 1, 75, 149]) {
    readSync(copy, piece, 0, block.length, i * block.length);
    assert.ok(piece.equals(block));
  }
  assert.equal(statSync(join(target, "big")).size, 150 * block.length);
  closeSync(copy);
});
