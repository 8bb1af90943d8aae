import assert from "node:assert/strict";
import { execFile, spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { statSync } from "node:fs";
import { truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { createInterface } from "node:readline";
import test, { type TestContext } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { bodyOf } from "../../../src/bytes/body.ts";
import { hexOf, parseDigest } from "../../../src/spec/digest.ts";
import { mediaTypes } from "../../../src/spec/media-type.ts";
import { openLayout } from "../../../src/stores/layout/open.ts";
import { node } from "../../support/content.ts";
import { tempDir } from "../../support/tmp.ts";

const child = fileURLToPath(new URL("./writer.child.js", import.meta.url));
const registry = fileURLToPath(new URL("../../matrix/memory.child.js", import.meta.url));
const limit = 150 * 1024 ** 2;

/** A layout with an image of layers of nothing: they take no space on the disk. */
async function bigLayout(folder: string, sizes: readonly number[]): Promise<void> {
  const store = await openLayout(folder, { create: true });
  const zeros = Buffer.alloc(1 << 20);
  const layers = [];
  for (const size of sizes) {
    const hash = createHash("sha256");
    for (let at = 0; at < size; at += zeros.byteLength) hash.update(zeros);
    const digest = parseDigest(`sha256:${hash.digest("hex")}`);
    const file = join(folder, "blobs", "sha256", hexOf(digest));
    await writeFile(file, "");
    await truncate(file, size);
    layers.push({ mediaType: mediaTypes.ociLayer, digest, size });
  }
  const config = node("blob", mediaTypes.ociConfig, Buffer.from("{}"));
  const document = { schemaVersion: 2, mediaType: mediaTypes.ociManifest, config: config.descriptor, layers };
  const root = node("manifest", mediaTypes.ociManifest, Buffer.from(JSON.stringify(document)));
  for (const each of [config, root]) await store.write(each, bodyOf(each.bytes));
  await store.tag(root.descriptor, "v1");
}

async function peakOf(...args: readonly string[]): Promise<number> {
  const { stdout } = await promisify(execFile)(process.execPath, [child, ...args]);
  return Number(stdout);
}

/** A registry in a process of its own. */
async function serve(t: TestContext): Promise<string> {
  const server = spawn(process.execPath, [registry, "serve", await tempDir(t)], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  t.after(() => void server.kill("SIGKILL"));
  const { value } = await createInterface({ input: server.stdout })[Symbol.asyncIterator]().next();
  return `127.0.0.1:${value}`;
}

test("600 MiB go into a tar and out of it in less than 150 MB of memory", async (t) => {
  const folder = await tempDir(t);
  const layout = join(folder, "layout");
  const tar = join(folder, "app.tar");
  await bigLayout(layout, [300 << 20, 200 << 20, 100 << 20]);
  const written = await peakOf("layout", layout, tar);
  assert.ok(statSync(tar).size > 600 << 20);
  assert.ok(written < limit, `writing took ${Math.round(written / 1e6)} MB`);
  const read = await peakOf("import", tar, await serve(t));
  assert.ok(read < limit, `reading took ${Math.round(read / 1e6)} MB`);
});
