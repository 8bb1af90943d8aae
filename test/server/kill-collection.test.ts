import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readdir, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { createInterface } from "node:readline";
import test from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { digestOf } from "../../src/bytes/hash.ts";
import { diskRepositories } from "../../src/server/repositories/disk.ts";
import { hexOf } from "../../src/spec/digest.ts";
import { openLayout } from "../../src/stores/layout/open.ts";
import { http } from "../support/http.ts";
import { startRegistry } from "../support/registry.ts";
import { sampleBytes, xorshift } from "../support/sample-bytes.ts";
import { tempDir } from "../support/tmp.ts";
import { pushImage } from "./support.ts";

const program = fileURLToPath(new URL("./collect.child.js", import.meta.url));

/** Starts a collection and kills it after so long; gives whether it was done by then. */
async function collect(folder: string, killAfterMs: number): Promise<boolean> {
  const child = spawn(process.execPath, [program, folder], { stdio: ["ignore", "pipe", "inherit"] });
  let done = false;
  let started = () => {};
  const ready = new Promise<void>((resolve) => {
    started = resolve;
  });
  createInterface({ input: child.stdout }).on("line", (line) => {
    started();
    if (line === "collected") {
      done = true;
      child.kill("SIGKILL");
    }
  });
  const exit = once(child, "exit");
  await ready;
  await Promise.race([exit, sleep(killAfterMs)]);
  child.kill("SIGKILL");
  await exit;
  return done;
}

test("kill -9 in the middle of a collection loses nothing that is named, and the next one finishes", async (t) => {
  const folder = await tempDir(t);
  const before = await startRegistry(t, { repositories: diskRepositories(folder) });
  const kept = new Map<string, string>();
  for (let i = 0; i < 5; i++) {
    kept.set(`kept-${i}`, await pushImage(before.url, "app", `kept-${i}`, sampleBytes(30_000, i + 1)));
    await pushImage(before.url, "app", `gone-${i}`, sampleBytes(30_000, i + 100));
    await http("DELETE", `${before.url}/v2/app/manifests/gone-${i}`);
  }
  await before.server.close();
  const layoutFolder = join(folder, "app/_layout");
  const blobs = join(layoutFolder, "blobs/sha256");
  for (let i = 0; i < 400; i++) {
    const bytes = Buffer.from(`garbage ${i}`);
    await writeFile(join(blobs, hexOf(digestOf(bytes))), bytes);
  }
  const hourAgo = new Date(Date.now() - 3_600_000);
  for (const name of await readdir(blobs)) await utimes(join(blobs, name), hourAgo, hourAgo);
  const random = xorshift(5);
  let cutShort = 0;
  for (let done = false; !done; ) {
    const count = (await readdir(blobs)).length;
    done = await collect(folder, cutShort < 4 ? 5 + (random() % 60) : 60_000);
    if (!done && (await readdir(blobs)).length < count) cutShort++;
    const report = await (await openLayout(layoutFolder)).verify();
    assert.deepEqual([report.wrong, report.missing, report.unexpected], [[], [], []]);
    const layout = await openLayout(layoutFolder);
    for (const [tag, digest] of kept) assert.equal((await layout.resolve(tag)).digest, digest);
  }
  assert.ok(cutShort > 0, "no collection was killed while it removed");
  // Five images: a manifest, a config and a layer each.
  assert.equal((await readdir(blobs)).length, 15);
  const after = await startRegistry(t, { repositories: diskRepositories(folder) });
  const { text } = await http("GET", `${after.url}/v2/app/tags/list`);
  assert.deepEqual(JSON.parse(text).tags, [...kept.keys()]);
  await pushImage(after.url, "app", "later", "layer");
});
