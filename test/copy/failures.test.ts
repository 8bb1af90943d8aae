import assert from "node:assert/strict";
import test from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { copy } from "../../src/copy/copy.ts";
import { CopyPartialError } from "../../src/copy/copy-result.ts";
import { execute } from "../../src/copy/execute.ts";
import { plan } from "../../src/copy/plan.ts";
import { LadingError, RegistryError } from "../../src/errors.ts";
import { MemoryStore } from "../../src/stores/memory.ts";
import { image, index, writeContent } from "../support/content.ts";
import { assertHolds, assertNamed } from "../support/same-content.ts";
import { FakeRegistry } from "./fake-registry.ts";

const content = index([image({ seed: 1, layers: 4 }), image({ seed: 2, layers: 4 })]);

async function setUp() {
  const from = new MemoryStore("from");
  await writeContent(from, content, "v1");
  const registry = new FakeRegistry("registry.example");
  const to = registry.repository("app");
  return { from, registry, to, request: { from, reference: "v1", to, tags: ["v1"] } };
}

test("the first failure stops the others, is thrown when they have settled, and nothing goes on after it", async () => {
  const { registry, to, request } = await setUp();
  let writes = 0;
  let inFlight = 0;
  registry.before = async ({ what }) => {
    if (what !== "write") return;
    inFlight++;
    try {
      if (++writes === 3) throw new LadingError("ERR_LADING_DENIED", "no more");
      await delay(5);
    } finally {
      inFlight--;
    }
  };
  await assert.rejects(copy([request]), { code: "ERR_LADING_DENIED" });
  assert.equal(inFlight, 0);
  const after = registry.calls.length;
  await delay(20);
  assert.equal(registry.calls.length, after);
  await assert.rejects(to.content.resolve("v1"));
});

test("after a failure at any point, a second run moves only what is left", async () => {
  const { registry: counting, request: whole } = await setUp();
  await copy([whole]);
  const steps = counting.calls.length;
  for (let failing = 0; failing < steps; failing++) {
    const { registry, to, request } = await setUp();
    let call = 0;
    registry.before = () => {
      if (call++ === failing) throw new LadingError("ERR_LADING_NETWORK", "cut off");
    };
    const error = await copy([request]).catch((thrown: unknown) => thrown);
    assert.equal((error as LadingError).code, "ERR_LADING_NETWORK", `call ${failing}`);
    const there = new Set<string>();
    for (const each of content.nodes) if (await to.content.has(each)) there.add(each.descriptor.digest);
    registry.before = () => {};
    registry.calls.length = 0;
    await copy([request]);
    await assertNamed(to.content, "v1", content);
    const again = registry.calls.filter(
      ({ what, digest }) =>
        what === "write" &&
        there.has(digest ?? "") &&
        content.nodes.some((each) => each.kind === "blob" && each.descriptor.digest === digest),
    );
    assert.deepEqual(again, [], `call ${failing}: blobs that were there are not written again`);
  }
});

test("an abort ends the copy with its reason", async () => {
  const { registry, request } = await setUp();
  const controller = new AbortController();
  const reason = new Error("enough");
  registry.before = ({ what }) => {
    if (what === "write") controller.abort(reason);
  };
  await assert.rejects(copy([request], { signal: controller.signal }), reason);
  assert.equal(registry.counts()["tag"], undefined);
  await assert.rejects(copy([request], { signal: AbortSignal.abort(reason) }), reason);
  await assert.rejects(plan([request], { signal: AbortSignal.abort(reason) }), reason);
});

test("an abort while planning ends it with its reason, with keepGoing as well", async () => {
  const { registry, request } = await setUp();
  const controller = new AbortController();
  const reason = new Error("enough");
  registry.before = () => controller.abort(reason);
  await assert.rejects(plan([request], { signal: controller.signal, keepGoing: true }), reason);
});

test("keepGoing does the other requests and reports all failures together", async () => {
  const { from, registry } = await setUp();
  const other = image({ seed: 7 });
  const sparse = image({ seed: 8 });
  await writeContent(from, other, "other");
  await writeContent(from, sparse, "sparse");
  const [lost] = sparse.nodes;
  assert.ok(lost);
  await from.remove(lost);
  registry.before = ({ what, repository }) => {
    if (repository === "closed" && what === "write") throw new LadingError("ERR_LADING_DENIED", "closed");
  };
  const to = (name: string) => registry.repository(name);
  const requests = [
    { from, reference: "v1", to: to("a"), tags: ["v1"] },
    { from, reference: "nowhere", to: to("b"), tags: ["v1"] },
    { from, reference: "v1", to: to("closed"), tags: ["v1"] },
    { from, reference: "sparse", to: to("c"), tags: ["v1"] },
    { from, reference: "other", to: to("d"), tags: ["v1"] },
  ];
  const error = await copy(requests, { keepGoing: true }).catch((thrown: unknown) => thrown);
  assert.ok(error instanceof CopyPartialError);
  assert.equal(error.code, "ERR_LADING_PARTIAL");
  assert.deepEqual(
    error.errors.map((each) => (each as LadingError).code),
    ["ERR_LADING_NOT_FOUND", "ERR_LADING_MISSING_CONTENT", "ERR_LADING_DENIED"],
  );
  assert.deepEqual(
    error.result.images.map(({ request }) => request),
    [0, 4],
  );
  await assertNamed(to("a").content, "v1", content);
  await assertNamed(to("d").content, "v1", other);
  await assert.rejects(to("closed").content.resolve("v1"));
});

test("keepGoing: when the upload that mounts wait for fails, the blobs are moved instead", async () => {
  const { from, registry } = await setUp();
  registry.before = ({ what, repository }) => {
    if (repository === "closed" && what === "write") throw new LadingError("ERR_LADING_DENIED", "closed");
  };
  const requests = ["closed", "open"].map((name) => ({
    from,
    reference: "v1",
    to: registry.repository(name),
    tags: ["v1"],
  }));
  await assert.rejects(copy(requests, { keepGoing: true }), { code: "ERR_LADING_PARTIAL" });
  await assertNamed(registry.repository("open").content, "v1", content);
});

test("a manifest refused for missing children: what is gone is written again, then the manifest", async () => {
  const { registry, to, request } = await setUp();
  await copy([request]);
  // All blobs are there when asked for, and a garbage collector takes one before the manifest is pushed again.
  await to.content.remove({ kind: "manifest", descriptor: content.root });
  const planned = await plan([request]);
  assert.equal(planned.totals.present.nodes, content.nodes.length - 3);
  const [layer] = content.nodes;
  assert.ok(layer);
  await to.content.remove(layer);
  registry.calls.length = 0;
  const { moved } = await execute(planned, [request]);
  await assertNamed(to.content, "v1", content);
  assert.equal(
    registry.calls.filter(({ what, digest }) => what === "write" && digest === layer.descriptor.digest)
      .length,
    1,
  );
  // The layer and the index; the images below it were still there.
  assert.equal(moved.nodes, 2);
});

test("an index refused for a missing image is healed through all levels", async () => {
  const { to, request } = await setUp();
  await copy([request]);
  const planned = await plan([request]);
  assert.equal(planned.totals.move.nodes, 0);
  // The plan of a moment ago, with a destination that has lost a whole image since.
  const lost = image({ seed: 1, layers: 4 });
  for (const each of lost.nodes) await to.content.remove(each);
  await to.content.remove({ kind: "manifest", descriptor: content.root });
  const stale = {
    ...planned,
    nodes: planned.nodes.map((each) =>
      each.descriptor.digest === content.root.digest ? { ...each, action: "move" as const } : each,
    ),
  };
  await execute(stale, [request]);
  await assertHolds(to.content, content);
});

test("a manifest that stays refused fails after one more attempt", async () => {
  const { registry, request } = await setUp();
  const refused = new RegistryError("ERR_LADING_REGISTRY", "refused", {
    status: 400,
    method: "PUT",
    url: "https://registry.example",
    errors: [{ code: "MANIFEST_BLOB_UNKNOWN", message: "blob unknown" }],
  });
  let attempts = 0;
  registry.before = ({ what, digest }) => {
    if (what !== "write" || digest !== content.root.digest) return;
    attempts++;
    throw refused;
  };
  await assert.rejects(copy([request]), refused);
  assert.equal(attempts, 2);
});
