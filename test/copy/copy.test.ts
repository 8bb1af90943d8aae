import assert from "node:assert/strict";
import test from "node:test";
import { copy } from "../../src/copy/copy.ts";
import { execute } from "../../src/copy/execute.ts";
import { plan } from "../../src/copy/plan.ts";
import type { LadingEvent } from "../../src/events.ts";
import { MemoryStore } from "../../src/stores/memory.ts";
import { artifact, everyKind, image, index, node, writeContent } from "../support/content.ts";
import { assertHolds, assertNamed } from "../support/same-content.ts";
import { FakeRegistry } from "./fake-registry.ts";

for (const [kind, content] of Object.entries(everyKind())) {
  test(`copies: ${kind}`, async () => {
    const from = new MemoryStore("from");
    const to = new MemoryStore("to");
    await writeContent(from, content, "v1");
    const result = await copy([{ from, reference: "v1", to, tags: ["v1", "latest"] }]);
    await assertNamed(to, "v1", content);
    await assertNamed(to, "latest", content);
    const [done] = result.images;
    assert.equal(done?.root.digest, content.root.digest);
    assert.deepEqual(done?.tags, ["v1", "latest"]);
    assert.equal(result.moved.nodes, content.nodes.length);
    assert.equal(
      result.moved.bytes,
      content.nodes.reduce((sum, { bytes }) => sum + bytes.byteLength, 0),
    );
    for (const descriptor of content.absent ?? [])
      assert.equal(await to.has({ kind: "blob", descriptor }), false);
  });
}

test("a second copy moves nothing", async () => {
  const content = index([image({ seed: 1 }), image({ seed: 2 })]);
  const from = new MemoryStore();
  const to = new MemoryStore();
  await writeContent(from, content, "v1");
  await copy([{ from, reference: "v1", to, tags: ["v1"] }]);
  const { moved, present } = await copy([{ from, reference: "v1", to, tags: ["v1"] }]);
  assert.equal(moved.nodes, 0);
  assert.equal(present.nodes, content.nodes.length);
});

test("a plan is plain data and can be executed after a way through JSON", async () => {
  const content = index([image({ seed: 1 }), image({ seed: 2 })]);
  const from = new MemoryStore("from");
  const to = new MemoryStore("to");
  await writeContent(from, content, "v1");
  const requests = [{ from, reference: "v1", to, tags: ["v1"] }];
  const planned = await plan(requests);
  const revived = JSON.parse(JSON.stringify(planned));
  assert.deepEqual(revived, planned);
  await execute(revived, requests);
  await assertNamed(to, "v1", content);
});

test("a plan is not executed for other requests", async () => {
  const content = image();
  const from = new MemoryStore("from");
  await writeContent(from, content, "v1");
  const request = { from, reference: "v1", to: new MemoryStore("to"), tags: [] };
  const planned = await plan([request]);
  await assert.rejects(execute(planned, [{ ...request, to: new MemoryStore("another") }]), {
    code: "ERR_LADING_USAGE",
  });
});

test("planning moves nothing", async () => {
  const registry = new FakeRegistry("registry.example");
  const from = new MemoryStore();
  await writeContent(from, image(), "v1");
  await plan([{ from, reference: "v1", to: registry.repository("a"), tags: ["v1"] }]);
  assert.equal(
    registry.calls.some(({ what }) => what === "write" || what === "tag" || what === "mount"),
    false,
  );
});

test("a root given by its descriptor needs no name", async () => {
  const content = image();
  const from = new MemoryStore();
  const to = new MemoryStore();
  await writeContent(from, content);
  await copy([{ from, reference: content.root, to, tags: [] }]);
  await assertHolds(to, content);
});

test("an unknown reference is not found", async () => {
  const request = { from: new MemoryStore(), reference: "v1", to: new MemoryStore(), tags: [] };
  await assert.rejects(copy([request]), { code: "ERR_LADING_NOT_FOUND" });
});

test("one tag cannot be given to two images", async () => {
  const from = new MemoryStore();
  const to = new MemoryStore("to");
  await writeContent(from, image({ seed: 1 }), "a");
  await writeContent(from, image({ seed: 2 }), "b");
  const requests = ["a", "b"].map((reference) => ({ from, reference, to, tags: ["latest"] }));
  await assert.rejects(plan(requests), { code: "ERR_LADING_USAGE", place: "to" });
});

test("an archive-like sink is committed once, after everything", async () => {
  const from = new MemoryStore();
  await writeContent(from, image({ seed: 1 }), "a");
  await writeContent(from, image({ seed: 2 }), "b");
  const order: string[] = [];
  class Committed extends MemoryStore {
    override async commit(): Promise<void> {
      order.push("commit");
    }
    override async tag(...args: Parameters<MemoryStore["tag"]>): Promise<void> {
      order.push(`tag ${args[1]}`);
      await super.tag(...args);
    }
  }
  const to = new Committed();
  await copy(["a", "b"].map((reference) => ({ from, reference, to, tags: [reference] })));
  assert.deepEqual(order, ["tag a", "tag b", "commit"]);
});

test("descriptors with data are written without asking the source", async () => {
  const content = artifact();
  const from = new MemoryStore("from");
  const to = new MemoryStore("to");
  // The empty config of an artifact is commonly embedded.
  const rootBytes = content.nodes.at(-1)?.bytes.toString() ?? "";
  const document = JSON.parse(rootBytes);
  document.config.data = Buffer.from("{}").toString("base64");
  const bytes = Buffer.from(JSON.stringify(document));
  const root = node("manifest", document.mediaType, bytes);
  const blobs = content.nodes.filter(({ kind, descriptor }) => kind === "blob" && descriptor.size !== 2);
  await writeContent(from, { root: root.descriptor, nodes: [...blobs, root] }, "v1");
  await copy([{ from, reference: "v1", to, tags: [] }]);
  await assertHolds(to, { root: root.descriptor, nodes: [...content.nodes.slice(0, -1), root] });
});

test("wrong data in a descriptor is not believed", async () => {
  const content = artifact();
  const document = JSON.parse(content.nodes.at(-1)?.bytes.toString() ?? "");
  document.config.data = Buffer.from("[]").toString("base64");
  const root = node("manifest", document.mediaType, Buffer.from(JSON.stringify(document)));
  const whole = { root: root.descriptor, nodes: [...content.nodes.slice(0, -1), root] };
  const from = new MemoryStore("from");
  const to = new MemoryStore("to");
  await writeContent(from, whole, "v1");
  await copy([{ from, reference: "v1", to, tags: [] }]);
  await assertHolds(to, whole);
});

test("events add up to the plan", async () => {
  const content = index([image({ seed: 1 }), image({ seed: 2 })]);
  const from = new MemoryStore();
  const to = new MemoryStore("to");
  await writeContent(from, content, "v1");
  const [layer] = content.nodes;
  assert.ok(layer);
  await to.write(layer, from.body(layer));
  const events: LadingEvent[] = [];
  await copy([{ from, reference: "v1", to, tags: ["v1"] }], { on: (event) => events.push(event) });
  const [planned] = events;
  assert.ok(planned?.type === "planned");
  const total = content.nodes.reduce((sum, { bytes }) => sum + bytes.byteLength, 0);
  assert.deepEqual(planned, {
    type: "planned",
    nodes: content.nodes.length,
    bytes: total,
    presentBytes: layer.descriptor.size,
  });
  const progressed = events.reduce((sum, event) => sum + (event.type === "progress" ? event.bytes : 0), 0);
  assert.equal(progressed, total - layer.descriptor.size);
  assert.equal(events.filter(({ type }) => type === "finished").length, content.nodes.length - 1);
  assert.deepEqual(events.at(-1), { type: "tagged", descriptor: content.root, to: "to", name: "v1" });
});

test("a listener that throws fails the copy", async () => {
  const from = new MemoryStore();
  await writeContent(from, image(), "v1");
  const on = (event: LadingEvent): void => {
    if (event.type === "finished") throw new Error("no more paper");
  };
  await assert.rejects(copy([{ from, reference: "v1", to: new MemoryStore(), tags: [] }], { on }), {
    message: "no more paper",
  });
});
