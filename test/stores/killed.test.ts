import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import test from "node:test";
import { openArchive } from "../../src/stores/archive/open.ts";
import { openLayout } from "../../src/stores/layout/open.ts";
import type { Source } from "../../src/stores/store.ts";
import { xorshift } from "../support/sample-bytes.ts";
import { tempDir } from "../support/tmp.ts";
import { bigContents, bytesOfContents } from "./big-contents.ts";
import { bytesOf, tagsOf } from "./contract.ts";

const child = new URL("./writer.child.js", import.meta.url).pathname;

/** Runs the writer and kills it once it has read so many bytes. Resolves to what it read before its end. */
async function write(killAt: number, ...args: string[]): Promise<{ read: number; done: boolean }> {
  const writer = spawn(process.execPath, [child, ...args], { stdio: ["ignore", "pipe", "pipe"] });
  let read = 0;
  let stderr = "";
  writer.stderr.on("data", (chunk: Buffer) => {
    stderr += chunk.toString();
  });
  writer.stdout.on("data", (chunk: Buffer) => {
    read = Number(chunk.toString().trim().split("\n").at(-1));
    if (read >= killAt) writer.kill("SIGKILL");
  });
  const code = await new Promise((resolve) => writer.on("close", resolve));
  assert.equal(stderr, "");
  return { read, done: code === 0 };
}

async function holdsAll(source: Source): Promise<void> {
  assert.deepEqual(await tagsOf(source), ["v0", "v1", "v2"]);
  for (const [i, content] of bigContents().entries()) {
    assert.equal((await source.resolve(`v${i}`)).digest, content.root.digest);
    for (const each of content.nodes) assert.deepEqual(await bytesOf(source, each), each.bytes);
  }
}

const total = bytesOfContents(bigContents());

test("a layout is whole after kill -9 at any moment, and the next runs move only the rest", async (t) => {
  const random = xorshift(7);
  for (let round = 0; round < 2; round++) {
    const folder = join(await tempDir(t), "layout");
    let moved = 0;
    let kills = 0;
    for (let done = false; !done; ) {
      const killAt = kills < 5 ? 1_000_000 + (random() % 4_000_000) : Number.POSITIVE_INFINITY;
      const result = await write(killAt, "layout", folder);
      done = result.done;
      moved += result.read;
      if (done) break;
      kills++;
      const store = await openLayout(folder, { create: true });
      const report = await store.verify();
      assert.deepEqual([report.wrong, report.missing, report.unexpected], [[], [], []]);
      for (const { digest } of report.orphaned) assert.match(digest, /^sha/);
      assert.deepEqual(
        readdirSync(folder).filter((name) => name.startsWith(".tmp-")),
        [],
      );
    }
    assert.ok(kills > 0);
    await holdsAll(await openLayout(folder));
    // Each kill costs at most what was in flight: less than a MiB for each of three writers, and buffers.
    assert.ok(moved < total + kills * 6 * 1024 * 1024, `${moved} bytes for ${total} after ${kills} kills`);
    if (kills >= 2) assert.ok(moved < total * (kills + 1) * 0.8);
  }
});

for (const kind of ["oci-archive", "docker-archive"]) {
  test(`an ${kind} appears whole or not at all, and a killed run is gone on with`, async (t) => {
    const random = xorshift(kind.length);
    const path = join(await tempDir(t), "archive.tar");
    let kills = 0;
    let lastRead = 0;
    for (let done = false; !done; ) {
      const killAt = kills < 5 ? 2_000_000 + (random() % 9_000_000) : Number.POSITIVE_INFINITY;
      const result = await write(killAt, kind, path);
      done = result.done;
      lastRead = result.read;
      if (done) break;
      kills++;
      assert.equal(existsSync(path), false);
    }
    assert.ok(kills > 0);
    assert.ok(lastRead < total, `${lastRead} of ${total}`);
    const archive = await openArchive(path);
    await holdsAll(archive);
    await archive[Symbol.asyncDispose]();
    assert.deepEqual(readdirSync(join(path, "..")), ["archive.tar"]);
    // The same bytes as in one go: nothing of the kills can be seen.
    const other = join(await tempDir(t), "archive.tar");
    assert.equal((await write(Number.POSITIVE_INFINITY, kind, other)).done, true);
    assert.equal(readFileSync(other).length, readFileSync(path).length);
  });
}

test("eight processes that tag in one layout at once lose nothing", async (t) => {
  const folder = join(await tempDir(t), "layout");
  const results = await Promise.all(
    Array.from({ length: 8 }, (_, i) => write(Number.POSITIVE_INFINITY, "tags", folder, String(i))),
  );
  assert.ok(results.every(({ done }) => done));
  const store = await openLayout(folder);
  const expected = Array.from({ length: 80 }, (_, i) => `p${Math.floor(i / 10)}-${i % 10}`);
  assert.deepEqual(await tagsOf(store), expected);
  const report = await store.verify();
  assert.deepEqual([report.wrong, report.missing, report.orphaned], [[], [], []]);
});
