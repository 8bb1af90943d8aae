import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readdir, readFile, readlink } from "node:fs/promises";
import { createInterface } from "node:readline";
import test from "node:test";
import { fileURLToPath } from "node:url";
import { Agent, request } from "undici";
import { sampleBytes } from "../support/sample-bytes.ts";
import { tempDir } from "../support/tmp.ts";
import { pushImage } from "./support.ts";

const linux = { skip: process.platform === "linux" ? false : "reads memory from /proc" } as const;

test("thousands of small requests leave memory where it was, and no file open", linux, async (t) => {
  const folder = await tempDir(t);
  const path = fileURLToPath(new URL("./serve.child.js", import.meta.url));
  const child = spawn(process.execPath, [path, folder], { stdio: ["ignore", "pipe", "inherit"] });
  t.after(() => child.kill("SIGKILL"));
  const [url] = (await once(createInterface({ input: child.stdout }), "line")) as [string];
  const digest = await pushImage(url, "app", "v1", sampleBytes(20_000));
  const layers = JSON.parse(await (await request(`${url}/v2/app/manifests/v1`)).body.text()).layers;
  const blob = layers[0].digest as string;
  const wanted = [
    ["GET", "manifests/v1", 200],
    ["HEAD", `manifests/${digest}`, 200],
    ["HEAD", "manifests/absent", 404],
    ["GET", `blobs/${blob}`, 200],
    ["HEAD", `blobs/${blob}`, 200],
    ["GET", "tags/list", 200],
    ["GET", `referrers/${digest}`, 200],
    ["GET", "blobs/sha256:none", 400],
  ] as const;
  const agent = new Agent({ connections: 8 });
  t.after(() => agent.close());
  const round = async (count: number) => {
    const worker = async (first: number) => {
      for (let i = first; i < count; i += 8) {
        const [method, path, expected] = wanted[Math.floor(i / 8) % wanted.length] ?? ["GET", "", 0];
        const reply = await request(`${url}/v2/app/${path}`, { method, dispatcher: agent });
        await reply.body.dump();
        assert.equal(reply.statusCode, expected, path);
      }
    };
    await Promise.all(Array.from({ length: 8 }, (_, first) => worker(first)));
  };
  const rss = async () => {
    const status = await readFile(`/proc/${child.pid}/status`, "utf8");
    return Number(/VmRSS:\s+(\d+) kB/.exec(status)?.[1]) * 1024;
  };
  await round(1500);
  const before = await rss();
  await round(3000);
  const after = await rss();
  const grown = (after - before) / 1024 / 1024;
  assert.ok(grown < 40, `${grown.toFixed(1)} MiB more after 3000 requests, ${after} bytes in all`);
  const open: string[] = [];
  for (const fd of await readdir(`/proc/${child.pid}/fd`)) {
    const target = await readlink(`/proc/${child.pid}/fd/${fd}`).catch(() => "");
    if (target.startsWith(folder)) open.push(target);
  }
  assert.deepEqual(open, []);
});
