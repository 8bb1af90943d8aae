import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { createInterface } from "node:readline";
import test, { type TestContext } from "node:test";
import { fileURLToPath } from "node:url";
import { diskRepositories } from "../../src/server/repositories/disk.ts";
import { openLayout } from "../../src/stores/layout/open.ts";
import { createRegistryClient } from "../../src/stores/registry/client.ts";
import { artifact, blob, writeContent } from "../support/content.ts";
import { startDockerRegistry } from "../support/docker-registry.ts";
import { needs } from "../support/peers.ts";
import { startRegistry } from "../support/registry.ts";
import { assertNamed } from "../support/same-content.ts";
import { xorshift } from "../support/sample-bytes.ts";
import { tempDir } from "../support/tmp.ts";

const child = fileURLToPath(new URL("./kill.child.js", import.meta.url));
const content = artifact({ blobs: Array.from({ length: 10 }, (_, i) => blob(400_000, 100 + i)) });
const total = content.nodes.reduce((sum, { bytes }) => sum + bytes.byteLength, 0);

/** Runs a copy until so many bytes went by, then kills it. Gives the bytes that went by in all. */
async function run(args: readonly string[], killAt = Number.POSITIVE_INFINITY): Promise<number> {
  const copying = spawn(process.execPath, [child, ...args], { stdio: ["ignore", "pipe", "pipe"] });
  let errors = "";
  copying.stderr.on("data", (chunk) => {
    errors += chunk;
  });
  let bytes = 0;
  const exit = once(copying, "close");
  createInterface({ input: copying.stdout }).on("line", (line) => {
    bytes = Number(line);
    if (bytes >= killAt) copying.kill("SIGKILL");
  });
  const [code, signal] = await exit;
  assert.ok(killAt < total ? signal === "SIGKILL" : code === 0, `${code} ${signal} ${errors}`);
  return bytes;
}

async function killedAtRandom(t: TestContext, host: string): Promise<void> {
  const folder = await tempDir(t);
  const layout = join(folder, "layout");
  await writeContent(await openLayout(layout, { create: true }), content, "v1");
  const random = xorshift(20_26);
  for (let round = 0; round < 5; round++) {
    const repository = `round/${round}`;
    const args = [layout, host, repository, join(folder, `state-${round}`)];
    const killAt = Math.round(total * (0.4 + (random() % 500) / 1000));
    await run(args, killAt);
    const client = createRegistryClient();
    t.after(() => client.close());
    const store = client.repository({ registry: host, repository });
    await assert.rejects(store.resolve("v1"), { code: "ERR_LADING_NOT_FOUND" });
    const moved = await run(args);
    assert.ok(moved < total, `killed at ${killAt} of ${total}, and then ${moved} moved`);
    await assertNamed(store, "v1", content);
  }
}

test("a copy into our registry that is killed goes on when it is run again", async (t) => {
  const { host } = await startRegistry(t, { repositories: diskRepositories(await tempDir(t)) });
  await killedAtRandom(t, host);
});

test(
  "a copy into docker-registry that is killed goes on when it is run again",
  needs("docker-registry"),
  async (t) => {
    const { host } = await startDockerRegistry(t);
    await killedAtRandom(t, host);
  },
);
