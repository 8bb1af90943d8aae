import assert from "node:assert/strict";
import { join } from "node:path";
import test, { type TestContext } from "node:test";
import { bodyOf } from "../../src/bytes/body.ts";
import { createOciArchive } from "../../src/stores/archive/archive-writer.ts";
import { openLayout } from "../../src/stores/layout/open.ts";
import { MemoryStore } from "../../src/stores/memory.ts";
import { readBytes, readManifest } from "../../src/stores/read.ts";
import type { Sink } from "../../src/stores/store.ts";
import { blob, image, writeContent } from "../support/content.ts";
import { tempDir } from "../support/tmp.ts";

// oras-go 91c04aba ("bound ReadAll by content, not descriptor size"): buffers were as large as a stranger's descriptor
// said. Sizes that are claimed decide on nothing but when to stop.

const claims = [2 ** 31, 2 ** 40, Number.MAX_SAFE_INTEGER];

test("oras-go 91c04aba: a size that is only claimed is not allocated for reading", async () => {
  const store = new MemoryStore();
  const content = image();
  await writeContent(store, content, "v1");
  for (const size of claims) {
    const before = process.memoryUsage().arrayBuffers;
    await assert.rejects(readManifest(store, { ...content.root, size }), { code: "ERR_LADING_LIMIT" });
    // Within the limit the content decides.
    await assert.rejects(readBytes(store, "manifest", { ...content.root, size }, Number.MAX_SAFE_INTEGER), {
      code: "ERR_LADING_SIZE_MISMATCH",
    });
    assert.ok(process.memoryUsage().arrayBuffers - before < 16 * 2 ** 20);
  }
});

const sinks: Readonly<Record<string, (t: TestContext) => Promise<Sink>>> = {
  memory: async () => new MemoryStore(),
  layout: async (t) => openLayout(await tempDir(t), { create: true }),
  archive: async (t) => {
    const archive = await createOciArchive(join(await tempDir(t), "archive.tar"));
    t.after(() => archive[Symbol.asyncDispose]());
    return archive;
  },
};

for (const [name, make] of Object.entries(sinks)) {
  test(`oras-go 91c04aba: a size that is only claimed is not allocated for writing: ${name}`, async (t) => {
    const sink = await make(t);
    const content = blob(1000);
    for (const size of claims) {
      const before = process.memoryUsage().arrayBuffers;
      const lie = { ...content, descriptor: { ...content.descriptor, size } };
      const body = { ...bodyOf(content.bytes), size };
      await assert.rejects(sink.write(lie, body), { code: "ERR_LADING_SIZE_MISMATCH" });
      assert.equal(await sink.has(lie), false);
      assert.ok(process.memoryUsage().arrayBuffers - before < 16 * 2 ** 20);
    }
    assert.equal(await sink.write(content, bodyOf(content.bytes)), "written");
  });
}
