import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmdirSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { digestOf } from "../../src/bytes/hash.ts";
import type { LogEntry } from "../../src/server/log.ts";
import { diskRepositories } from "../../src/server/repositories/disk.ts";
import { http } from "../support/http.ts";
import { startRegistry } from "../support/registry.ts";
import { pushImage } from "./support.ts";

const asRoot = { skip: process.getuid?.() === 0 ? false : "needs root to mount a read-only file system" };

test("a read-only registry serves from a file system that takes no writes", asRoot, async (t) => {
  const folder = mkdtempSync(join(tmpdir(), "lading-disk-"));
  execFileSync("mount", ["-t", "tmpfs", "-o", "size=4m", "tmpfs", folder]);
  t.after(() => {
    execFileSync("umount", ["--lazy", folder]);
    rmdirSync(folder);
  });
  const writable = await startRegistry(t, { repositories: diskRepositories(folder) });
  const digest = await pushImage(writable.url, "app", "v1", "layer");
  // Begun, and never gone on with: it would be expired elsewhere.
  await http("POST", `${writable.url}/v2/app/blobs/uploads/`);
  await writable.server.close();
  execFileSync("mount", ["-o", "remount,ro", folder]);
  const log: LogEntry[] = [];
  const { url } = await startRegistry(t, {
    repositories: diskRepositories(folder),
    readOnly: true,
    limits: { uploadExpiryMs: 100 },
    log: (entry) => log.push(entry),
  });
  await sleep(300);
  assert.equal((await http("GET", `${url}/v2/app/manifests/v1`)).headers["docker-content-digest"], digest);
  assert.equal((await http("HEAD", `${url}/v2/app/blobs/${digestOf("layer")}`)).status, 200);
  assert.equal((await http("GET", `${url}/v2/app/blobs/${digestOf("layer")}`)).text, "layer");
  assert.deepEqual(JSON.parse((await http("GET", `${url}/v2/_catalog`)).text).repositories, ["app"]);
  assert.equal((await http("GET", `${url}/v2/app/referrers/${digest}`)).status, 200);
  assert.deepEqual(
    log.filter(({ level }) => level !== "info"),
    [],
  );
});
