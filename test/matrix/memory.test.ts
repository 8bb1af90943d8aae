import assert from "node:assert/strict";
import { type ChildProcess, execFile, spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { createInterface } from "node:readline";
import test, { type TestContext } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { bodyOf } from "../../src/bytes/body.ts";
import { hexOf, parseDigest } from "../../src/spec/digest.ts";
import { mediaTypes } from "../../src/spec/media-type.ts";
import { openLayout } from "../../src/stores/layout/open.ts";
import { node } from "../support/content.ts";
import { sampleBytes } from "../support/sample-bytes.ts";
import { tempDir } from "../support/tmp.ts";

const child = fileURLToPath(new URL("./memory.child.js", import.meta.url));
const size = 2 * 1024 ** 3;
const limit = 200 * 1024 ** 2;

/** A layout with an image whose one layer is 2 GiB of nothing: it takes no space on the disk. */
async function bigLayout(folder: string): Promise<void> {
  const hash = createHash("sha256");
  const zeros = Buffer.alloc(1 << 20);
  for (let at = 0; at < size; at += zeros.byteLength) hash.update(zeros);
  const digest = parseDigest(`sha256:${hash.digest("hex")}`);
  const config = node("blob", mediaTypes.ociConfig, Buffer.from("{}"));
  const layer = { mediaType: mediaTypes.ociLayer, digest, size };
  const document = {
    schemaVersion: 2,
    mediaType: mediaTypes.ociManifest,
    config: config.descriptor,
    layers: [layer],
  };
  const root = node("manifest", mediaTypes.ociManifest, Buffer.from(JSON.stringify(document)));
  const store = await openLayout(folder, { create: true });
  const file = join(folder, "blobs", "sha256", hexOf(digest));
  await writeFile(file, "");
  await truncate(file, size);
  for (const each of [config, root]) await store.write(each, bodyOf(each.bytes));
  await store.tag(root.descriptor, "v1");
}

interface Served {
  readonly host: string;
  /** Ends it and tells the peak of its memory in bytes. */
  end(): Promise<number>;
}

async function serve(t: TestContext): Promise<Served> {
  const process_ = spawn(process.execPath, [child, "serve", await tempDir(t)], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  t.after(() => void process_.kill("SIGKILL"));
  const lines = createInterface({ input: process_.stdout })[Symbol.asyncIterator]();
  const next = async (): Promise<number> => Number((await lines.next()).value);
  const host = `127.0.0.1:${await next()}`;
  return { host, end: () => ended(process_, next) };
}

async function ended(process_: ChildProcess, next: () => Promise<number>): Promise<number> {
  const exit = once(process_, "exit");
  process_.stdin?.end();
  const peak = await next();
  await exit;
  return peak;
}

test("2 GiB go from a layout to a registry, and on to another, in less than 200 MB", async (t) => {
  const layout = join(await tempDir(t), "layout");
  await bigLayout(layout);
  const one = await serve(t);
  const two = await serve(t);
  for (const [from, to] of [
    [`layout:${layout}`, one.host],
    [one.host, two.host],
  ] as const) {
    const { stdout } = await promisify(execFile)(process.execPath, [child, "copy", from, to]);
    const { peak, moved } = JSON.parse(stdout);
    assert.ok(moved > size);
    assert.ok(peak < limit, `${from} to ${to}: ${Math.round(peak / 1e6)} MB`);
  }
  for (const { host, end } of [one, two]) {
    const peak = await end();
    assert.ok(peak < limit, `the registry ${host}: ${Math.round(peak / 1e6)} MB`);
  }
});

for (const compression of ["imgpkg", "parallel"]) {
  test(`a tree of 2 GiB is pushed in less than 200 MB, compressed as ${compression}`, async (t) => {
    const tree = await tempDir(t);
    const noise = sampleBytes(24 << 20);
    await writeFile(join(tree, "noise-1"), noise);
    await writeFile(join(tree, "noise-2"), noise.subarray(5 << 20));
    // Holes: read as zeros, and no space on the disk.
    for (const [name, bytes] of Object.entries({ "sparse-1": size / 2, "sparse-2": size / 2 - (40 << 20) })) {
      await writeFile(join(tree, name), "");
      await truncate(join(tree, name), bytes);
    }
    const registry = await serve(t);
    const { stdout } = await promisify(execFile)(process.execPath, [
      child,
      "push",
      tree,
      registry.host,
      compression,
    ]);
    const { peak, moved } = JSON.parse(stdout);
    assert.ok(moved > 10 << 20);
    assert.ok(peak < limit, `${Math.round(peak / 1e6)} MB`);
    await registry.end();
  });
}
