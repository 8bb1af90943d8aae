import assert from "node:assert/strict";
import test from "node:test";
import { gzipSync } from "node:zlib";
import { copy } from "../../src/copy/copy.ts";
import { plan } from "../../src/copy/plan.ts";
import { mediaTypes } from "../../src/spec/media-type.ts";
import { MemoryStore } from "../../src/stores/memory.ts";
import { type Content, image, index, node, smallTar, writeContent } from "../support/content.ts";
import { assertHolds, assertNamed } from "../support/same-content.ts";
import { FakeRegistry } from "./fake-registry.ts";

/** A store with everything but the first blob of the content. */
async function sparse(content: Content) {
  const [lost] = content.nodes;
  assert.ok(lost?.kind === "blob");
  const from = new MemoryStore("sparse layout");
  await writeContent(from, content, "v1");
  await from.remove(lost);
  return { from, lost };
}

test("what a sparse source lacks and the destination has is fine, and the plan says so", async () => {
  const content = image();
  const { from, lost } = await sparse(content);
  const to = new FakeRegistry("registry.example").repository("app");
  await to.content.write(lost, { size: lost.bytes.byteLength, open: async () => [lost.bytes] as never });
  const requests = [{ from, reference: "v1", to, tags: ["v1"] }];
  const planned = await plan(requests);
  const entry = planned.nodes.find(({ descriptor }) => descriptor.digest === lost.descriptor.digest);
  assert.equal(entry?.action, "present");
  assert.equal(entry.from, undefined);
  await copy(requests);
  await assertNamed(to.content, "v1", content);
});

test("what neither side has is an error that names what needs it; nothing is written", async () => {
  const content = image();
  const { from, lost } = await sparse(content);
  const registry = new FakeRegistry("registry.example");
  const request = { from, reference: "v1", to: registry.repository("app"), tags: ["v1"] };
  await assert.rejects(copy([request]), (error: Error & { code?: string }) => {
    assert.equal(error.code, "ERR_LADING_MISSING_CONTENT");
    assert.ok(error.message.includes(lost.descriptor.digest));
    assert.ok(error.message.includes(content.root.digest));
    assert.ok(error.message.includes("v1"));
    return true;
  });
  assert.equal(registry.counts()["write"], undefined);
});

test("what one source lacks is taken from another source of the same run", async () => {
  const content = image();
  const { from } = await sparse(content);
  const whole = new MemoryStore("whole");
  await writeContent(whole, content, "v1");
  const [one, two] = [new MemoryStore("one"), new MemoryStore("two")];
  await copy([
    { from, reference: "v1", to: one, tags: ["v1"] },
    { from: whole, reference: "v1", to: two, tags: ["v1"] },
  ]);
  await assertNamed(one, "v1", content);
  await assertNamed(two, "v1", content);
});

test("an image that an index lists and nobody has", async () => {
  const [here, gone] = [image({ seed: 1 }), image({ seed: 2 })];
  const content = index([here, gone]);
  const from = new MemoryStore("from");
  const root = content.nodes.at(-1);
  assert.ok(root);
  await writeContent(from, { root: content.root, nodes: [...here.nodes, root] }, "v1");
  const to = new MemoryStore("to");
  await assert.rejects(copy([{ from, reference: "v1", to, tags: [] }]), {
    code: "ERR_LADING_MISSING_CONTENT",
    hint: /platforms/,
  });
  // The destination has it: what is below is the destination's business.
  await writeContent(to, gone);
  await copy([{ from, reference: "v1", to, tags: ["v1"] }]);
  await assertNamed(to, "v1", content);
});

test("a registry that lacks a blob of its image fails with missing content", async () => {
  const content = image();
  const source = new FakeRegistry("source.example").repository("app");
  await writeContent(source.content, content, "v1");
  const [lost] = content.nodes;
  assert.ok(lost);
  await source.content.remove(lost);
  const to = new MemoryStore();
  await assert.rejects(copy([{ from: source, reference: "v1", to, tags: ["v1"] }]), (error: Error) => {
    assert.equal((error as Error & { code?: string }).code, "ERR_LADING_MISSING_CONTENT");
    assert.ok(error.message.includes(content.root.digest));
    return true;
  });
  await assert.rejects(to.resolve("v1"));
});

const foreign = image({ seed: 5, foreign: true });
const [foreignLayer] = foreign.absent ?? [];

test("a foreign layer stays at its urls, in the plan as absent", async () => {
  const from = new FakeRegistry("source.example").repository("app");
  const to = new FakeRegistry("target.example");
  await writeContent(from.content, foreign, "v1");
  const requests = [{ from, reference: "v1", to: to.repository("app"), tags: ["v1"] }];
  assert.equal((await plan(requests)).totals.absent.nodes, 1);
  to.calls.length = 0;
  await copy(requests);
  await assertNamed(to.repository("app").content, "v1", foreign);
  assert.equal(
    to.calls.some(({ digest }) => digest === foreignLayer?.digest),
    false,
    "nothing is asked about it",
  );
});

test("a foreign layer is copied on request: where a registry has it not, it has to be at its urls", async () => {
  const bytes = gzipSync(smallTar("foreign", Buffer.from("not to be distributed")));
  const layer = node("blob", mediaTypes.ociForeignLayerGzip, bytes);
  const config = node("blob", mediaTypes.ociConfig, Buffer.from("{}"));
  const document = {
    schemaVersion: 2,
    mediaType: mediaTypes.ociManifest,
    config: config.descriptor,
    layers: [{ ...layer.descriptor, urls: ["https://layers.example/x"] }],
  };
  const root = node("manifest", mediaTypes.ociManifest, Buffer.from(JSON.stringify(document)));
  const content = { root: root.descriptor, nodes: [layer, config, root] };
  const from = new FakeRegistry("source.example").repository("app");
  await writeContent(from.content, content, "v1");
  const [skipped, copied, without] = [new MemoryStore(), new MemoryStore(), new MemoryStore()];
  await copy([{ from, reference: "v1", to: skipped, tags: [] }]);
  assert.equal(await skipped.has(layer), false);
  await copy([{ from, reference: "v1", to: copied, tags: [] }], { nonDistributable: true });
  await assertHolds(copied, content);
  await from.content.remove(layer);
  // This registry reads nothing from urls.
  await assert.rejects(
    copy([{ from, reference: "v1", to: without, tags: ["v1"] }], { nonDistributable: true }),
    { code: "ERR_LADING_MISSING_CONTENT" },
  );
  // What is on disk or in memory is asked, and fine without.
  const requests = [{ from: from.content, reference: "v1", to: without, tags: ["v1"] }];
  await copy(requests, { nonDistributable: true });
  assert.equal((await without.resolve("v1")).digest, root.descriptor.digest);
});
