import assert from "node:assert/strict";
import { readdir, utimes } from "node:fs/promises";
import { join } from "node:path";
import test from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { digestOf } from "../../src/bytes/hash.ts";
import { diskRepositories } from "../../src/server/repositories/disk.ts";
import { memoryRepositories } from "../../src/server/repositories/memory.ts";
import { http } from "../support/http.ts";
import { startRegistry } from "../support/registry.ts";
import { tempDir } from "../support/tmp.ts";
import { pushBlob, pushImage } from "./support.ts";

for (const kind of ["memory", "disk"] as const) {
  test(`garbage collection, ${kind}: what is named or young stays`, async (t) => {
    const repositories = kind === "memory" ? memoryRepositories() : diskRepositories(await tempDir(t));
    const { url, server } = await startRegistry(t, { repositories });
    const status = async (path: string) => (await http("HEAD", `${url}/v2/app/${path}`)).status;
    const image = await pushImage(url, "app", "v1", "kept layer");
    const untagged = await pushImage(url, "app", "v2", "lost layer");
    const lost = await pushBlob(url, "app", "lost layer");
    const orphan = await pushBlob(url, "app", "orphan");
    await http("DELETE", `${url}/v2/app/manifests/v2`);
    assert.deepEqual(await server.collect(), { manifests: 0, blobs: 0, bytes: 0 });
    await sleep(20);
    const first = await server.collect({ graceMs: 0 });
    assert.equal(first.blobs, 1);
    assert.equal(await status(`blobs/${orphan}`), 404);
    assert.equal(await status(`manifests/${untagged}`), 200);
    assert.equal(await status(`blobs/${lost}`), 200);
    await sleep(20);
    const second = await server.collect({ graceMs: 0, untaggedManifests: true });
    assert.equal(second.manifests, 1);
    assert.equal(await status(`manifests/${untagged}`), 404);
    assert.equal(await status(`blobs/${lost}`), 404);
    assert.equal(await status("manifests/v1"), 200);
    assert.equal(await status(`manifests/${image}`), 200);
  });

  test(`garbage collection, ${kind}: pushes at the same time lose nothing that was accepted`, async (t) => {
    const repositories = kind === "memory" ? memoryRepositories() : diskRepositories(await tempDir(t));
    const { url, server } = await startRegistry(t, { repositories });
    let stop = false;
    const collecting = (async () => {
      while (!stop) {
        await server.collect({ graceMs: 60_000, untaggedManifests: true });
        await sleep(1);
      }
    })();
    const tags = Array.from({ length: 10 }, (_, i) => `t${i}`);
    await Promise.all(tags.map((tag) => pushImage(url, "app", tag, `layer of ${tag}`)));
    stop = true;
    await collecting;
    for (const tag of tags) {
      const { layers } = JSON.parse((await http("GET", `${url}/v2/app/manifests/${tag}`)).text);
      assert.equal((await http("GET", `${url}/v2/app/blobs/${layers[0].digest}`)).text, `layer of ${tag}`);
    }
  });
}

test("a blob whose last bytes came long before its upload ended is young", async (t) => {
  const folder = await tempDir(t);
  const { url, server } = await startRegistry(t, { repositories: diskRepositories(folder) });
  const start = await http("POST", `${url}/v2/app/blobs/uploads/`);
  const sent = await http("PATCH", `${url}${start.headers["location"]}`, { body: "late" });
  assert.equal(sent.status, 202, sent.text);
  const uploads = join(folder, "app/_layout/.uploads");
  const [name = ""] = await readdir(uploads);
  const hourAgo = new Date(Date.now() - 3_600_000);
  await utimes(join(uploads, name), hourAgo, hourAgo);
  const end = await http("PUT", `${url}${sent.headers["location"]}&digest=${digestOf("late")}`);
  assert.equal(end.status, 201, end.text);
  assert.equal((await server.collect({ graceMs: 60_000 })).blobs, 0);
  assert.equal((await http("GET", `${url}/v2/app/blobs/${digestOf("late")}`)).text, "late");
});
