import assert from "node:assert/strict";
import { EventEmitter } from "node:events";
import { readdir } from "node:fs/promises";
import test from "node:test";
import { Interrupted, watchInterrupts } from "../../src/cli/interrupt.ts";
import { startRegistry } from "../support/registry.ts";
import { tempDir } from "../support/tmp.ts";
import { type Ended, ended, lading, startLading } from "./support/program.ts";
import { startSlowRegistry } from "./support/slow-registry.ts";

/** Runs a command that waits for a layer that never ends, and stops it. */
async function stopped(
  t: test.TestContext,
  by: NodeJS.Signals,
  args: (host: string) => string[],
  cwd: string,
): Promise<Ended> {
  const slow = await startSlowRegistry(t, {
    size: 20_000_000,
    piece: 1_000_000,
    pauseMs: Number.POSITIVE_INFINITY,
  });
  const child = startLading(args(slow.host), { cwd, env: { TMPDIR: cwd, HOME: cwd } });
  const end = ended(child);
  await slow.sending;
  await new Promise((resolve) => setTimeout(resolve, 200));
  child.kill(by);
  return end;
}

test("Ctrl-C ends a copy with 130 and leaves nothing half-written", async (t) => {
  const cwd = await tempDir(t);
  const { code, stderr, stdout } = await stopped(
    t,
    "SIGINT",
    (host) => ["copy", "-i", `${host}/app:v1`, "--to-tar", "app.tar"],
    cwd,
  );
  assert.equal(code, 130);
  assert.match(stderr, /stopping; press Ctrl-C again to leave at once\ninterrupted\n$/);
  assert.equal(stdout, "");
  assert.deepEqual(await readdir(cwd), []);
});

test("Ctrl-C ends a pull with 130, and the old content stays", async (t) => {
  const cwd = await tempDir(t);
  const { code } = await stopped(t, "SIGINT", (host) => ["pull", "-i", `${host}/app:v1`, "-o", "out"], cwd);
  assert.equal(code, 130);
  assert.deepEqual(await readdir(cwd), []);
});

test("SIGTERM ends a copy between registries with 130, and no tag is set", async (t) => {
  const cwd = await tempDir(t);
  const to = await startRegistry(t);
  const { code } = await stopped(
    t,
    "SIGTERM",
    (host) => ["copy", "-i", `${host}/app:v1`, "--to-repo", `${to.host}/app`],
    cwd,
  );
  assert.equal(code, 130);
  assert.equal((await lading(["tag", "resolve", "-i", `${to.host}/app:v1`])).code, 3);
});

test("with --json an interrupt is an error document", async (t) => {
  const cwd = await tempDir(t);
  const args = (host: string) => ["copy", "-i", `${host}/app:v1`, "--to-tar", "app.tar", "--json"];
  const { code, stdout } = await stopped(t, "SIGINT", args, cwd);
  assert.equal(code, 130);
  assert.equal((JSON.parse(stdout) as { error: { code: string } }).error.code, "ERR_LADING_INTERRUPTED");
});

test("a registry stops at SIGTERM and calls that success", async (t) => {
  const cwd = await tempDir(t);
  const child = startLading(["registry", "serve", "--dir", "r", "--listen", "127.0.0.1:0", "--log", "none"], {
    cwd,
  });
  const end = ended(child);
  await new Promise<void>((resolve) => {
    child.stderr?.on("data", (chunk: Buffer) => {
      if (chunk.toString().includes("Serving r on http://127.0.0.1:")) resolve();
    });
  });
  child.kill("SIGTERM");
  const { code, stderr } = await end;
  assert.equal(code, 0);
  assert.match(stderr, /stopping; press Ctrl-C again/);
});

test("the first signal aborts, the second leaves at once", () => {
  const events = new EventEmitter();
  const seen: string[] = [];
  const { signal, stop } = watchInterrupts(
    events,
    () => seen.push("first"),
    () => seen.push("left"),
  );
  events.emit("SIGINT");
  assert.ok(signal.reason instanceof Interrupted);
  assert.deepEqual(seen, ["first"]);
  events.emit("SIGTERM");
  assert.deepEqual(seen, ["first", "left"]);
  stop();
  assert.deepEqual(events.eventNames(), []);
});
