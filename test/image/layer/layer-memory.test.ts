import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import test from "node:test";
import { fileURLToPath } from "node:url";
import { sampleBytes } from "../../support/sample-bytes.ts";
import { tempDir } from "../../support/tmp.ts";

const mib = 1024 * 1024;

test("a tree of 2 GiB becomes a layer in less than 200 MB of memory", async (t) => {
  const dir = await tempDir(t);
  const noise = sampleBytes(24 * mib);
  await writeFile(join(dir, "noise-1"), noise);
  await writeFile(join(dir, "noise-2"), noise.subarray(5 * mib));
  // Holes: read as zeros, and no space on the disk.
  for (const [name, size] of Object.entries({ "sparse-1": 1024, "sparse-2": 980 })) {
    await writeFile(join(dir, name), "");
    await truncate(join(dir, name), size * mib);
  }
  const child = fileURLToPath(new URL("./layer.child.js", import.meta.url));
  const { stdout, stderr, status } = spawnSync(process.execPath, [child, dir, dir], { encoding: "utf8" });
  assert.equal(status, 0, stderr);
  const { maxRssMb, size } = JSON.parse(stdout) as { maxRssMb: number; size: number };
  assert.ok(size > 10 * mib);
  assert.ok(maxRssMb < 200, `${maxRssMb} MB`);
});
