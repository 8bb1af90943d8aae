/** Pipes without a reader, and with one that does not read: a copy into them can be stopped. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { closeSync, constants, openSync, readSync } from "node:fs";
import { join } from "node:path";
import test, { type TestContext } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { writeTar } from "../../../src/bundle/tar/write.ts";
import { isLadingError } from "../../../src/errors.ts";
import { openLayout } from "../../../src/stores/layout/open.ts";
import { ended, startLading } from "../../cli/support/program.ts";
import { image, writeContent } from "../../support/content.ts";
import { tempDir } from "../../support/tmp.ts";
import { storeOf, tarImage } from "./tars.ts";

/** More than a pipe holds. */
const content = image({ seed: 5, layers: 2, layerBytes: 3 << 20 });

async function fifo(t: TestContext): Promise<{ readonly dir: string; readonly pipe: string }> {
  const dir = await tempDir(t);
  const pipe = join(dir, "pipe");
  execFileSync("mkfifo", [pipe]);
  return { dir, pipe };
}

test("an abort ends the wait for a reader", async (t) => {
  const { pipe } = await fifo(t);
  const controller = new AbortController();
  const reason = new Error("stopped");
  const images = [tarImage(await storeOf(content), content)];
  const writing = writeTar(pipe, images, { signal: controller.signal });
  setTimeout(() => controller.abort(reason), 100);
  await assert.rejects(writing, reason);
});

test("an abort ends the wait for a reader that does not read", async (t) => {
  const { pipe } = await fifo(t);
  const reader = openSync(pipe, constants.O_RDONLY | constants.O_NONBLOCK);
  t.after(() => closeSync(reader));
  const controller = new AbortController();
  const reason = new Error("stopped");
  const images = [tarImage(await storeOf(content), content)];
  const writing = writeTar(pipe, images, { signal: controller.signal });
  setTimeout(() => controller.abort(reason), 300);
  await assert.rejects(writing, reason);
  assert.ok(readSync(reader, Buffer.alloc(1024)) > 0);
});

test("a reader that goes away is told of", async (t) => {
  const { pipe } = await fifo(t);
  const reader = openSync(pipe, constants.O_RDONLY | constants.O_NONBLOCK);
  setTimeout(() => closeSync(reader), 200);
  const images = [tarImage(await storeOf(content), content)];
  await assert.rejects(writeTar(pipe, images), (error) => {
    assert.ok(isLadingError(error), String(error));
    assert.deepEqual([error.code, error.place], ["ERR_LADING_STORE", pipe]);
    return true;
  });
});

for (const reads of [false, true]) {
  test(`Ctrl-C ends a copy into a pipe ${reads ? "whose reader sleeps" : "without a reader"}`, async (t) => {
    const { dir, pipe } = await fifo(t);
    const layout = await openLayout(join(dir, "layout"), { create: true });
    await writeContent(layout, content, "v1");
    const reader = reads ? openSync(pipe, constants.O_RDONLY | constants.O_NONBLOCK) : undefined;
    const child = startLading(["copy", "-i", "oci:layout:v1", "--to-tar", "pipe"], {
      cwd: dir,
      env: { HOME: dir },
    });
    const end = ended(child);
    await delay(1000);
    child.kill("SIGINT");
    assert.equal((await end).code, 130);
    if (reader !== undefined) closeSync(reader);
  });
}
