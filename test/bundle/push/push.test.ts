import assert from "node:assert/strict";
import { mkdir, readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import test from "node:test";
import { pushBundle, pushImage } from "../../../src/bundle/push/push.ts";
import { MemoryStore } from "../../../src/stores/memory.ts";
import { createRegistryClient } from "../../../src/stores/registry/client.ts";
import { startRegistry } from "../../support/registry.ts";
import { sampleBundle, writeSampleBundle } from "../../support/sample-bundle.ts";
import { tempDir } from "../../support/tmp.ts";

test("a program pushes a bundle and gets what a lock says of it", async (t) => {
  const folder = await writeSampleBundle(await tempDir(t));
  const temp = await tempDir(t);
  const registry = await startRegistry(t);
  await using client = createRegistryClient();
  const sink = client.repository({ registry: registry.host, repository: "team/app" });
  const files: string[] = [];
  const pushed = await pushBundle(
    [{ path: folder }],
    { sink, tags: ["v1"] },
    {
      tempDir: temp,
      concurrency: 2,
      on: (event) => {
        if (event.type === "file") files.push(event.path);
      },
    },
  );
  assert.equal(pushed.root.digest, sampleBundle.manifest);
  assert.deepEqual(pushed.tags, ["latest", "v1", `${sampleBundle.manifest.replace(":", "-")}.imgpkg`]);
  assert.equal(pushed.moved.nodes, 3);
  assert.equal(pushed.lock?.image, `${registry.host}/team/app@${sampleBundle.manifest}`);
  assert.equal(pushed.lock?.tag, "latest");
  assert.deepEqual(files, [".imgpkg/bundle.yml", ".imgpkg/images.yml", "config.yml"]);
  assert.equal((await sink.resolve("v1")).digest, sampleBundle.manifest);
  assert.deepEqual(await readdir(temp), []);
  const again = await pushBundle([{ path: folder }], { sink, tag: "v2" }, { tempDir: temp });
  assert.equal(again.moved.nodes, 0);
  assert.equal(again.lock?.tag, "v2");
});

test("a program pushes an image to a store that is no registry", async (t) => {
  const folder = await tempDir(t);
  await mkdir(join(folder, "a"));
  await writeFile(join(folder, "a/b"), "b");
  const store = new MemoryStore("memory");
  const options = { tempDir: await tempDir(t) };
  const pushed = await pushImage([{ path: folder }], { sink: store, tag: "v1" }, options);
  assert.equal(pushed.lock, undefined);
  assert.deepEqual(pushed.tags, ["v1"]);
  assert.equal((await store.resolve("v1")).digest, pushed.root.digest);
  // A bundle there has no lock either: locks name registries.
  const bundle = await writeSampleBundle(await tempDir(t));
  const inMemory = await pushBundle([{ path: bundle }], { sink: store }, options);
  assert.equal(inMemory.root.digest, sampleBundle.manifest);
  assert.equal(inMemory.lock, undefined);
});

test("a push that is stopped leaves neither tag nor file", async (t) => {
  const folder = await writeSampleBundle(await tempDir(t));
  const store = new MemoryStore("memory");
  const temp = await tempDir(t);
  const controller = new AbortController();
  const pushing = pushBundle(
    [{ path: folder }],
    { sink: store, tag: "v1" },
    {
      tempDir: temp,
      signal: controller.signal,
      on: ({ type }) => {
        if (type === "planned") controller.abort(new Error("stopped"));
      },
    },
  );
  await assert.rejects(pushing, { message: "stopped" });
  await assert.rejects(store.resolve("v1"), { code: "ERR_LADING_NOT_FOUND" });
  assert.deepEqual(await readdir(temp), []);
});
