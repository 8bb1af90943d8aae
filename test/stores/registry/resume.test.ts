import assert from "node:assert/strict";
import { fork } from "node:child_process";
import { once } from "node:events";
import { readdir } from "node:fs/promises";
import test, { type TestContext } from "node:test";
import { fileURLToPath } from "node:url";
import { bodyOf } from "../../../src/bytes/body.ts";
import { createRegistryClient } from "../../../src/stores/registry/client.ts";
import { blob } from "../../support/content.ts";
import { startFaultProxy } from "../../support/fault-proxy.ts";
import { startRegistry } from "../../support/registry.ts";
import { tempDir } from "../../support/tmp.ts";
import { bytesOf } from "../contract.ts";

const size = 12 * 1024 * 1024;
const stopAt = 8 * 1024 * 1024;
const each = blob(size, 3);

async function filesIn(dir: string): Promise<string[]> {
  const names = await readdir(dir, { recursive: true });
  const files = names.filter((name) => name.endsWith(".json"));
  // No folder outlives the last file in it.
  assert.equal(names.length, files.length === 0 ? 0 : files.length + 2);
  return files;
}

async function killedUpload(t: TestContext) {
  const { host } = await startRegistry(t);
  const proxy = await startFaultProxy(t, host);
  const stateDir = await tempDir(t);
  const child = fork(fileURLToPath(new URL("./upload.child.js", import.meta.url)), [
    proxy.host,
    stateDir,
    String(size),
    String(stopAt),
  ]);
  t.after(() => child.kill("SIGKILL"));
  await once(child, "message");
  // What the child handed over is on its way: the proxy sees it arrive.
  const put = () => proxy.requests.find(({ method }) => method === "PUT");
  while ((put()?.bytes ?? 0) < stopAt - (2 << 20)) await new Promise((resolve) => setTimeout(resolve, 10));
  child.kill("SIGKILL");
  await once(child, "exit");
  assert.equal((await filesIn(stateDir)).length, 1);
  const client = createRegistryClient({ stateDir, retry: { minDelayMs: 5, maxDelayMs: 20 } });
  t.after(() => client.close());
  // The registry learns of the death by its connection.
  await new Promise((resolve) => setTimeout(resolve, 200));
  return { proxy, stateDir, store: client.repository({ registry: proxy.host, repository: "some/place" }) };
}

test("an upload goes on after its process was killed", async (t) => {
  const { proxy, stateDir, store } = await killedUpload(t);
  proxy.script();
  const offsets: number[] = [];
  const body = bodyOf(each.bytes);
  const how = await store.write(each, {
    size,
    open: (from) => {
      offsets.push(from.offset);
      return body.open(from);
    },
  });
  assert.equal(how, "written");
  const sent = proxy.requests.reduce((sum, { bytes }) => sum + bytes, 0);
  assert.ok(sent < size / 2, `${sent} bytes were sent again`);
  assert.ok((offsets[0] ?? 0) > size / 2, `started at ${offsets[0]}`);
  assert.deepEqual(await bytesOf(store, each), each.bytes);
  assert.deepEqual(await filesIn(stateDir), []);
});

test("an upload that the registry has forgotten starts anew", async (t) => {
  const { proxy, stateDir, store } = await killedUpload(t);
  proxy.script({ match: { method: "GET" }, action: { kind: "expire-session" } });
  assert.equal(await store.write(each, bodyOf(each.bytes)), "written");
  assert.deepEqual(await bytesOf(store, each), each.bytes);
  assert.deepEqual(await filesIn(stateDir), []);
});

test("a part that is not of this content is found out at the end, and sent whole", async (t) => {
  const { proxy, store } = await killedUpload(t);
  proxy.script();
  const wrong = Buffer.from(each.bytes);
  wrong[size - 1] = (wrong[size - 1] ?? 0) ^ 1;
  await assert.rejects(store.write(each, bodyOf(wrong)), { code: "ERR_LADING_DIGEST_MISMATCH" });
  assert.equal(await store.has(each), false);
  assert.equal(await store.write(each, bodyOf(each.bytes)), "written");
});

test("an abort leaves the session for the next run, where a folder for state is given", async (t) => {
  const { host } = await startRegistry(t);
  const proxy = await startFaultProxy(t, host);
  for (const stateDir of [await tempDir(t), undefined]) {
    proxy.script();
    const client = createRegistryClient(stateDir === undefined ? {} : { stateDir });
    t.after(() => client.close());
    const store = client.repository({ registry: proxy.host, repository: stateDir === undefined ? "a" : "b" });
    const controller = new AbortController();
    const writing = store.write(
      each,
      {
        size,
        open: async () =>
          (async function* () {
            yield each.bytes.subarray(0, 3 << 20);
            controller.abort(new Error("enough"));
            yield each.bytes.subarray(3 << 20);
          })(),
      },
      { signal: controller.signal },
    );
    await assert.rejects(writing, /enough/);
    const cancelled = proxy.requests.some(({ method }) => method === "DELETE");
    assert.equal(cancelled, stateDir === undefined);
    assert.equal((await filesIn(stateDir ?? (await tempDir(t)))).length, stateDir === undefined ? 0 : 1);
  }
});
