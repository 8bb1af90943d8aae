import assert from "node:assert/strict";
import { copyFileSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import test, { type TestContext } from "node:test";
import { createOciArchive } from "../../src/stores/archive/archive-writer.ts";
import { openArchive } from "../../src/stores/archive/open.ts";
import { artifact, blob, type Content, image, writeContent } from "../support/content.ts";
import { tempDir } from "../support/tmp.ts";
import { bytesOf } from "./contract.ts";

const first = artifact({ seed: 1, blobs: [blob(700_000, 1), blob(300_000, 2)] });
const second = artifact({ seed: 2, blobs: [blob(300_000, 2), blob(1_500_000, 3)] });

/** What a run that wrote this and was killed leaves behind. */
async function leftOver(
  t: TestContext,
  content: Content,
): Promise<{ folder: string; path: string; partial: string }> {
  const folder = await tempDir(t);
  const path = join(folder, "archive.tar");
  const partial = join(folder, ".archive.tar.partial");
  const sink = await createOciArchive(path);
  await writeContent(sink, content, "old");
  copyFileSync(partial, `${partial}.kept`);
  await sink[Symbol.asyncDispose]();
  writeFileSync(partial, readFileSync(`${partial}.kept`));
  return { folder, path, partial };
}

async function written(path: string, content: Content): Promise<{ bytes: Buffer; present: number }> {
  const sink = await createOciArchive(path);
  let present = 0;
  for (const each of content.nodes) if (each.kind === "blob" && (await sink.has(each))) present++;
  await writeContent(sink, content, "v1");
  await sink.commit();
  const archive = await openArchive(path);
  for (const each of content.nodes) assert.deepEqual(await bytesOf(archive, each), each.bytes);
  await archive[Symbol.asyncDispose]();
  return { bytes: readFileSync(path), present };
}

test("a run of the same takes over all that a killed one wrote, and ends with the same bytes", async (t) => {
  const { path } = await leftOver(t, first);
  const again = await written(path, first);
  assert.equal(again.present, 3);
  const fresh = await written(join(await tempDir(t), "archive.tar"), first);
  assert.ok(again.bytes.equals(fresh.bytes));
});

test("what only the killed run wanted is not in the archive", async (t) => {
  const { path } = await leftOver(t, first);
  const again = await written(path, second);
  // The empty config and the shared blob.
  assert.equal(again.present, 2);
  const fresh = await written(join(await tempDir(t), "archive.tar"), second);
  assert.equal(again.bytes.length, fresh.bytes.length);
  assert.ok(!again.bytes.includes(first.root.digest.slice(7)));
});

for (const [what, damage] of [
  ["cut in the middle", (bytes: Buffer) => bytes.subarray(0, 500_000)],
  [
    "changed in the middle",
    (bytes: Buffer) => Buffer.concat([bytes.subarray(0, 90_000), Buffer.alloc(9), bytes.subarray(90_009)]),
  ],
  ["of zeros", (bytes: Buffer) => Buffer.alloc(bytes.length)],
  ["something else", () => Buffer.from("hello")],
  ["empty", () => Buffer.alloc(0)],
] as const) {
  test(`a left-over that is ${what} does no harm`, async (t) => {
    const { folder, path, partial } = await leftOver(t, first);
    writeFileSync(partial, damage(readFileSync(partial)));
    await written(path, first);
    await written(path, image());
    assert.deepEqual(readdirSync(folder).sort(), [".archive.tar.partial.kept", "archive.tar"]);
  });
}
