import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { Readable } from "node:stream";
import test, { type TestContext } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { request } from "undici";
import { digestOf } from "../../src/bytes/hash.ts";
import { childrenOf } from "../../src/spec/graph.ts";
import { parseManifest } from "../../src/spec/manifest.ts";
import { http } from "../support/http.ts";
import { sampleBytes, xorshift } from "../support/sample-bytes.ts";
import { tempDir } from "../support/tmp.ts";
import { pushImage } from "./support.ts";

async function serve(t: TestContext, folder: string): Promise<{ url: string; child: ChildProcess }> {
  const path = fileURLToPath(new URL("./serve.child.js", import.meta.url));
  const child = spawn(process.execPath, [path, folder], { stdio: ["ignore", "pipe", "inherit"] });
  t.after(() => child.kill("SIGKILL"));
  const [url] = (await once(createInterface({ input: child.stdout }), "line")) as [string];
  return { url, child };
}

async function bytesOf(url: string): Promise<Buffer> {
  const { statusCode, body } = await request(url);
  const bytes = Buffer.from(await body.arrayBuffer());
  assert.equal(statusCode, 200, url);
  return bytes;
}

/** Reads everything that the tag leads to and checks each digest. */
async function checkTag(url: string, repository: string, tag: string): Promise<string> {
  const raw = await bytesOf(`${url}/v2/${repository}/manifests/${tag}`);
  for (const { descriptor } of childrenOf(parseManifest(raw))) {
    const bytes = await bytesOf(`${url}/v2/${repository}/blobs/${descriptor.digest}`);
    assert.equal(digestOf(bytes), descriptor.digest);
  }
  return digestOf(raw);
}

test("kill -9 at any moment leaves nothing half-visible, and loses nothing that was acknowledged", async (t) => {
  const folder = await tempDir(t);
  const random = xorshift(20_26);
  const acknowledged = new Map<string, string>();
  const repositories = ["one", "two/parts"];
  for (let round = 0; round < 5; round++) {
    const { url, child } = await serve(t, folder);
    let count = 0;
    let killed = false;
    const pusher = async (repository: string, worker: number) => {
      while (!killed) {
        const tag = `r${round}-w${worker}-${count++}`;
        try {
          const layer = sampleBytes(1000 + (random() % 400_000), random());
          acknowledged.set(`${repository} ${tag}`, await pushImage(url, repository, tag, layer));
        } catch (error) {
          if (!killed) throw error;
        }
      }
    };
    const pushers = Promise.all(
      [0, 1, 2, 3].map((worker) => pusher(repositories[worker % 2] ?? "one", worker)),
    );
    await sleep(100 + (random() % 500));
    killed = true;
    child.kill("SIGKILL");
    await once(child, "exit");
    await pushers;
    const after = await serve(t, folder);
    for (const repository of repositories) {
      const list = await http("GET", `${after.url}/v2/${repository}/tags/list`);
      if (list.status === 404) continue;
      const tags = JSON.parse(list.text).tags as string[];
      for (const tag of tags.filter((name) => name.startsWith(`r${round}-`))) {
        const digest = await checkTag(after.url, repository, tag);
        const known = acknowledged.get(`${repository} ${tag}`);
        if (known !== undefined) assert.equal(digest, known);
      }
      for (const name of acknowledged.keys()) {
        const [where, tag = ""] = name.split(" ");
        if (where === repository) assert.ok(tags.includes(tag), `${name} was acknowledged and is gone`);
      }
    }
    after.child.kill("SIGKILL");
    await once(after.child, "exit");
  }
  assert.ok(acknowledged.size > 5, `${acknowledged.size} pushes were done`);
});

test("an upload goes on where it stood when the server was killed", async (t) => {
  const folder = await tempDir(t);
  const bytes = sampleBytes(3_000_000, 7);
  const before = await serve(t, folder);
  const start = await http("POST", `${before.url}/v2/app/blobs/uploads/`);
  let sent = 0;
  async function* slowly() {
    for (let at = 0; at < bytes.byteLength; at += 100_000) {
      yield bytes.subarray(at, at + 100_000);
      sent = at + 100_000;
      await sleep(20);
    }
  }
  const cut = request(new URL(String(start.headers["location"]), before.url), {
    method: "PATCH",
    body: Readable.from(slowly()),
  });
  while (sent < 1_500_000) await sleep(5);
  before.child.kill("SIGKILL");
  await assert.rejects(cut);
  const after = await serve(t, folder);
  const path = String(start.headers["location"]).split("?")[0];
  const state = await http("GET", `${after.url}${path}`);
  assert.equal(state.status, 204);
  const held = Number(String(state.headers["range"]).split("-")[1]) + 1;
  assert.ok(held > 500_000 && held < bytes.byteLength, `${held} bytes are held`);
  const end = await http("PUT", `${after.url}${state.headers["location"]}&digest=${digestOf(bytes)}`, {
    headers: { "content-range": `${held}-${bytes.byteLength - 1}` },
    body: bytes.subarray(held),
  });
  assert.equal(end.status, 201, end.text);
  assert.ok((await bytesOf(`${after.url}/v2/app/blobs/${digestOf(bytes)}`)).equals(bytes));
});
