import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { createReadStream, existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { open } from "node:fs/promises";
import { join } from "node:path";
import test, { type TestContext } from "node:test";
import { fileURLToPath } from "node:url";
import { stepsOf } from "../../../src/bundle/steps.ts";
import { openTar } from "../../../src/bundle/tar/open.ts";
import { prepareTar } from "../../../src/bundle/tar/prepare.ts";
import { writeTar } from "../../../src/bundle/tar/write.ts";
import { bodyOf } from "../../../src/bytes/body.ts";
import { collect } from "../../../src/bytes/collect.ts";
import { digestOf } from "../../../src/bytes/hash.ts";
import { isLadingError, LadingError } from "../../../src/errors.ts";
import type { LadingEvent } from "../../../src/events.ts";
import type { Digest } from "../../../src/spec/digest.ts";
import type { Source } from "../../../src/stores/store.ts";
import { artifact, blob, type Content, image } from "../../support/content.ts";
import { assertHolds } from "../../support/same-content.ts";
import { xorshift } from "../../support/sample-bytes.ts";
import { needsSmallDisk, smallDisk } from "../../support/small-disk.ts";
import { tempDir } from "../../support/tmp.ts";
import { bigImage } from "./big-image.ts";
import { layersOf, nameOf, noted, storeOf, tapped, tarImage } from "./tars.ts";

const child = fileURLToPath(new URL("./writer.child.js", import.meta.url));

/** Runs the slow writer and kills it once it has read so many bytes. */
async function run(path: string, killAt: number): Promise<{ read: number; done: boolean }> {
  const writer = spawn(process.execPath, [child, "slow", path], { stdio: ["ignore", "pipe", "inherit"] });
  let read = 0;
  writer.stdout.on("data", (chunk: Buffer) => {
    read = Number(chunk.toString().trim().split("\n").at(-1));
    if (read >= killAt) writer.kill("SIGKILL");
  });
  const [code] = await once(writer, "close");
  return { read, done: code === 0 };
}

test("after kill -9 at any moment there is no tar, and the next run goes on inside of the layers", async (t) => {
  const folder = await tempDir(t);
  const path = join(folder, "app.tar");
  const content = bigImage();
  const total = layersOf(content).reduce((sum, { bytes }) => sum + bytes.length, 0);
  const random = xorshift(11);
  let moved = 0;
  let kills = 0;
  for (let done = false; !done; ) {
    const killAt = kills < 3 ? (16 << 20) + (random() % (6 << 20)) : Number.POSITIVE_INFINITY;
    const result = await run(path, killAt);
    done = result.done;
    moved += result.read;
    if (done) break;
    kills++;
    assert.equal(existsSync(path), false);
  }
  assert.equal(kills, 3);
  // A kill costs what was on its way: with three layers at once less than 6 MiB of each, and a few chunks.
  assert.ok(moved < total + kills * 3 * (7 << 20), `${moved} bytes for ${total}`);
  assert.deepEqual(readdirSync(folder), ["app.tar"]);
  const other = join(await tempDir(t), "app.tar");
  await writeTar(other, [tarImage(await storeOf(content), content, { tag: "v1" })]);
  assert.ok(readFileSync(path).equals(readFileSync(other)));
});

const content = artifact({ blobs: [9, 6, 2].map((mebibytes, i) => blob(mebibytes << 20, 70 + i)) });

function digestAt(i: number): Digest {
  const layer = layersOf(content)[i];
  assert.ok(layer !== undefined);
  return layer.digest;
}

/** A source that breaks after so many bytes of one layer. */
function breaking(source: Source, digest: Digest, after: number): Source {
  return tapped(source, (body, which) => ({
    size: body.size,
    open: async (from) => {
      const stream = await body.open(from);
      if (which !== digest) return stream;
      return (async function* () {
        let at = from.offset;
        for await (const chunk of stream) {
          for (let start = 0; start < chunk.byteLength; start += 65_536) {
            if (at >= after) throw new LadingError("ERR_LADING_NETWORK", "the source went away");
            const piece = chunk.subarray(start, start + 65_536);
            at += piece.byteLength;
            yield piece;
          }
        }
      })();
    },
  }));
}

/** A run that ends inside of the first layer, one layer at a time: only some of that stays. */
async function interrupted(
  t: TestContext,
): Promise<{ folder: string; path: string; partial: string; store: Source }> {
  const folder = await tempDir(t);
  const path = join(folder, "app.tar");
  const store = await storeOf(content);
  const source = breaking(store, digestAt(1), 5 << 20);
  await assert.rejects(writeTar(path, [tarImage(source, content)], { concurrency: 1 }), /went away/);
  assert.deepEqual(readdirSync(folder), [".app.tar.partial"]);
  return { folder, path, partial: join(folder, ".app.tar.partial"), store };
}

async function finishes(path: string, store: Source): Promise<ReturnType<typeof noted>["reads"]> {
  const { source, reads } = noted(store);
  const result = await writeTar(path, [tarImage(source, content)], { concurrency: 1 });
  assert.equal(readFileSync(path).length, result.size);
  const tar = await openTar(path);
  await assertHolds(tar, content);
  await tar[Symbol.asyncDispose]();
  const layers = new Set(layersOf(content).map(({ digest }) => digest));
  return reads.filter(({ digest }) => layers.has(digest));
}

test("a run that was interrupted is gone on with: whole layers stay, a part is completed from where it ends", async (t) => {
  const { folder, path, store } = await interrupted(t);
  assert.deepEqual(await finishes(path, store), [
    { digest: digestAt(1), offset: 5 << 20 },
    { digest: digestAt(2), offset: 0 },
  ]);
  assert.deepEqual(readdirSync(folder), ["app.tar"]);
  const fresh = join(await tempDir(t), "app.tar");
  await writeTar(fresh, [tarImage(store, content)]);
  assert.ok(readFileSync(path).equals(readFileSync(fresh)));
});

test("an abort leaves what was fetched for the next run", async (t) => {
  const folder = await tempDir(t);
  const path = join(folder, "app.tar");
  const store = await storeOf(content);
  const stop = new AbortController();
  let bytes = 0;
  const warnings: string[] = [];
  const on = (event: LadingEvent) => {
    if (event.type === "warning") warnings.push(event.message);
    if (event.type === "progress") bytes += event.bytes;
    if (bytes > 10 << 20) stop.abort(new Error("enough"));
  };
  const inPieces = breaking(store, digestAt(1), Number.POSITIVE_INFINITY);
  const writing = writeTar(path, [tarImage(inPieces, content)], { concurrency: 1, on, signal: stop.signal });
  await assert.rejects(writing, /enough/);
  assert.deepEqual(warnings, [`what was fetched stays in ${join(folder, ".app.tar.partial")}`]);
  assert.deepEqual(readdirSync(folder), [".app.tar.partial"]);
  const [first] = await finishes(path, store);
  assert.equal(first?.digest, digestAt(1));
  assert.ok((first?.offset ?? 0) > 0);
});

for (const [what, at] of [
  ["a whole layer", (dataAt: readonly number[]) => (dataAt[0] ?? 0) + 1000],
  ["the part of a layer", (dataAt: readonly number[]) => (dataAt[1] ?? 0) + 1000],
] as const) {
  test(`damage in ${what} that an earlier run left is found and mended`, async (t) => {
    const { path, partial, store } = await interrupted(t);
    const { blobs } = await prepareTar([tarImage(store, content)]);
    const dataAt = [0, 1].map((i) => {
      const place = blobs.find(({ descriptor }) => descriptor.digest === digestAt(i))?.place;
      return (place?.headerAt ?? 0) + 512;
    });
    const file = await open(partial, "r+");
    await file.write(Buffer.from("damage"), 0, 6, at(dataAt));
    await file.close();
    const reads = await finishes(path, store);
    assert.ok(
      reads.some(
        ({ digest, offset }) => digest === digestAt(what === "a whole layer" ? 0 : 1) && offset === 0,
      ),
    );
  });
}

for (const [what, change] of [
  ["cut", (bytes: Buffer) => bytes.subarray(0, bytes.length - 20)],
  ["of other images", (bytes: Buffer) => Buffer.concat([Buffer.alloc(50_000), bytes])],
  ["of the same length and full of noise", (bytes: Buffer) => Buffer.alloc(bytes.length, 0xa5)],
  ["empty", () => Buffer.alloc(0)],
] as const) {
  test(`a left-over that is ${what} does no harm`, async (t) => {
    const { folder, path, partial, store } = await interrupted(t);
    writeFileSync(partial, change(readFileSync(partial)));
    assert.equal((await finishes(path, store)).length, 3);
    assert.deepEqual(readdirSync(folder), ["app.tar"]);
  });
}

test("a journal that claims too much is not believed", async (t) => {
  const { path, partial, store } = await interrupted(t);
  const bytes = readFileSync(partial);
  // The last numbers of the file: how much of each layer is there.
  for (let i = 1; i <= 3; i++) bytes.writeBigUInt64LE(BigInt(2 << 20), bytes.length - 8 * i);
  writeFileSync(partial, bytes);
  assert.ok((await finishes(path, store)).length >= 3);
});

test("two writers of one tar: the second is told", async (t) => {
  const path = join(await tempDir(t), "app.tar");
  const store = await storeOf(content);
  let second: Promise<unknown> | undefined;
  const source = tapped(store, (body, digest) => ({
    size: body.size,
    open: async (from) => {
      if (digest === digestAt(0))
        second ??= writeTar(path, [tarImage(store, content)]).catch((error) => error);
      await second;
      return body.open(from);
    },
  }));
  await writeTar(path, [tarImage(source, content)]);
  const error = await second;
  assert.ok(isLadingError(error));
  assert.equal(error.code, "ERR_LADING_CONFLICT");
});

test(
  "a full disk: no tar, nothing left behind, and the tar of that name stays",
  needsSmallDisk,
  async (t) => {
    const folder = await smallDisk(t, 12);
    const path = join(folder, "app.tar");
    const small = image();
    await writeTar(path, [tarImage(await storeOf(small), small)]);
    const before = readFileSync(path);
    await assert.rejects(writeTar(path, [tarImage(await storeOf(content), content)]), (error) => {
      assert.ok(isLadingError(error));
      assert.equal(error.code, "ERR_LADING_STORE");
      assert.match(error.hint ?? "", /disk is full/);
      return true;
    });
    assert.deepEqual(readdirSync(folder), ["app.tar"]);
    assert.ok(readFileSync(path).equals(before));
  },
);

test("--resume takes the layers of the tar that is there, whatever the concurrency", async (t) => {
  for (const concurrency of [1, 5]) {
    const path = join(await tempDir(t), "app.tar");
    const old = artifact({ blobs: content.nodes.slice(1, 3).filter(({ kind }) => kind === "blob") });
    const store = await storeOf(content, old);
    await writeTar(path, [tarImage(store, old)]);
    const { source, reads } = noted(store);
    const options = { resume: true, concurrency };
    const result = await writeTar(path, [tarImage(source, content)], options);
    const kept = layersOf(old).map(({ digest }) => digest);
    assert.deepEqual(result.reused.map(({ digest }) => digest).sort(), [...kept].sort());
    for (const { digest } of reads) assert.ok(!kept.includes(digest));
    const fresh = join(await tempDir(t), "app.tar");
    await writeTar(fresh, [tarImage(store, content)]);
    assert.ok(readFileSync(path).equals(readFileSync(fresh)));
  }
});

test("--resume fetches a layer anew that is damaged in the tar", async (t) => {
  const path = join(await tempDir(t), "app.tar");
  const store = await storeOf(content);
  await writeTar(path, [tarImage(store, content)]);
  const right = readFileSync(path);
  const { blobs } = await prepareTar([tarImage(store, content)]);
  const damaged = Buffer.from(right);
  damaged.fill("x", (blobs[0]?.place.headerAt ?? 0) + 5000, (blobs[0]?.place.headerAt ?? 0) + 5100);
  writeFileSync(path, damaged);
  const { source, reads } = noted(store);
  const result = await writeTar(path, [tarImage(source, content)], { resume: true });
  assert.equal(result.reused.length, 2);
  assert.ok(!result.reused.some(({ digest }) => digest === blobs[0]?.descriptor.digest));
  assert.ok(reads.some(({ digest, offset }) => digest === blobs[0]?.descriptor.digest && offset === 0));
  assert.ok(readFileSync(path).equals(right));
});

test("--resume without a tar is an ordinary copy, and what is no tar is told of", async (t) => {
  const path = join(await tempDir(t), "app.tar");
  const small = image();
  const store = await storeOf(small);
  const result = await writeTar(path, [tarImage(store, small)], { resume: true });
  assert.deepEqual(result.reused, []);
  for (const bytes of [Buffer.from("hello"), Buffer.alloc(0), readFileSync(path).subarray(0, 900)]) {
    const other = join(await tempDir(t), "other.tar");
    writeFileSync(other, bytes);
    await assert.rejects(writeTar(other, [tarImage(store, small)], { resume: true }), (error) => {
      assert.ok(isLadingError(error));
      assert.deepEqual(stepsOf(error), [`Reading previously created tar '${other}'`]);
      return true;
    });
    assert.ok(readFileSync(other).equals(bytes));
  }
});

test("to a pipe the tar goes straight, and another source goes on where one breaks", async (t) => {
  const folder = await tempDir(t);
  const pipe = join(folder, "pipe");
  execFileSync("mkfifo", [pipe]);
  const store = await storeOf(content);
  const broken = breaking(store, digestAt(0), 3 << 20);
  const images = [tarImage(broken, content), tarImage(store, content, { tag: "v1" })];
  const file = join(folder, "app.tar");
  await writeTar(file, images);
  const [sent] = await Promise.all([
    collect(createReadStream(pipe), 64 << 20, "pipe"),
    writeTar(pipe, images),
  ]);
  assert.equal(digestOf(sent), digestOf(readFileSync(file)));
  assert.deepEqual(readdirSync(folder).sort(), ["app.tar", "pipe"]);
});

test("to a pipe wrong bytes have no end", async (t) => {
  const folder = await tempDir(t);
  const pipe = join(folder, "pipe");
  execFileSync("mkfifo", [pipe]);
  const small: Content = image();
  const last = layersOf(small)
    .map(({ digest }) => digest)
    .sort()
    .at(-1);
  const source = tapped(await storeOf(small), (body, digest) =>
    digest === last ? bodyOf(Buffer.alloc(body.size)) : body,
  );
  const [sent, written] = await Promise.allSettled([
    collect(createReadStream(pipe), 1 << 20, "pipe"),
    writeTar(pipe, [tarImage(source, small)]),
  ]);
  assert.equal(written.status, "rejected");
  assert.ok(sent.status === "fulfilled");
  writeFileSync(join(folder, "sent.tar"), sent.value);
  assert.ok(sent.value.includes(nameOf(last ?? digestAt(0))));
  await assert.rejects(writeTar(join(folder, "sent.tar"), [], { resume: true }));
});
