import assert from "node:assert/strict";
import test from "node:test";
import { copy } from "../../src/copy/copy.ts";
import { plan } from "../../src/copy/plan.ts";
import { MemoryStore } from "../../src/stores/memory.ts";
import { image, writeContent } from "../support/content.ts";
import { assertNamed } from "../support/same-content.ts";
import { FakeRegistry } from "./fake-registry.ts";

const base = image({ seed: 1, layers: 2 });
const one = image({ seed: 2, base: base.nodes, layers: 1 });
const two = image({ seed: 3, base: base.nodes, layers: 1 });

test("within one registry blobs are mounted from the source repository, without being asked for", async () => {
  const registry = new FakeRegistry("registry.example");
  await writeContent(registry.repository("from").content, one, "v1");
  const result = await copy([
    { from: registry.repository("from"), reference: "v1", to: registry.repository("to"), tags: ["v1"] },
  ]);
  await assertNamed(registry.repository("to").content, "v1", one);
  assert.deepEqual(registry.counts(), { resolve: 1, read: 1, has: 1, mount: 4, write: 1, tag: 1 });
  assert.equal(result.mounted.nodes, 4);
  assert.equal(result.moved.nodes, 1);
});

test("a refused mount becomes a move", async () => {
  const registry = new FakeRegistry("registry.example");
  registry.mounts = false;
  await writeContent(registry.repository("from").content, one, "v1");
  const result = await copy([
    { from: registry.repository("from"), reference: "v1", to: registry.repository("to"), tags: ["v1"] },
  ]);
  await assertNamed(registry.repository("to").content, "v1", one);
  assert.equal(result.mounted.nodes, 0);
  assert.equal(result.moved.nodes, 5);
});

test("over many images each blob is moved into a registry once, and mounted after that", async () => {
  const from = new MemoryStore("from");
  await writeContent(from, one, "one");
  await writeContent(from, two, "two");
  const registry = new FakeRegistry("registry.example");
  const other = new FakeRegistry("other.example");
  const requests = [registry, other].flatMap((host) =>
    ["one", "two"].map((name) => ({ from, reference: name, to: host.repository(name), tags: ["v1"] })),
  );
  await copy(requests);
  for (const host of [registry, other]) {
    await assertNamed(host.repository("one").content, "v1", one);
    await assertNamed(host.repository("two").content, "v1", two);
    const { write, mount } = host.counts();
    // Two shared layers, twice one layer and config of its own, two manifests; the shared ones once more as mounts.
    assert.equal(write, 2 + 4 + 2);
    assert.equal(mount, 2);
    for (const [i, { what, digest, name }] of host.calls.entries()) {
      if (what !== "mount") continue;
      const uploaded = host.calls.findIndex((call) => call.what === "write" && call.digest === digest);
      assert.ok(uploaded >= 0 && uploaded < i, "the upload comes before the mount");
      assert.equal(host.calls[uploaded]?.repository, name, "it is mounted from where it was uploaded to");
    }
  }
});

test("a repository of the registry that has the blob already spares the upload", async () => {
  const from = new MemoryStore("from");
  await writeContent(from, one, "one");
  await writeContent(from, two, "two");
  const registry = new FakeRegistry("registry.example");
  await copy([{ from, reference: "one", to: registry.repository("one"), tags: ["v1"] }]);
  const planned = await plan([
    { from, reference: "one", to: registry.repository("one"), tags: ["v1"] },
    { from, reference: "two", to: registry.repository("two"), tags: ["v1"] },
  ]);
  const { mount, move } = planned.totals;
  assert.equal(mount.nodes, 2);
  assert.equal(move.nodes, 3);
});

test("repositories named by the caller are mounted from when they are in the sink's registry", async () => {
  const from = new MemoryStore("from");
  await writeContent(from, one, "v1");
  const registry = new FakeRegistry("registry.example");
  await writeContent(registry.repository("base").content, base);
  const result = await copy([
    {
      from,
      reference: "v1",
      to: registry.repository("app"),
      tags: ["v1"],
      mountFrom: [
        { registry: "elsewhere.example", repository: "base" },
        { registry: "registry.example", repository: "base" },
      ],
    },
  ]);
  assert.equal(result.mounted.nodes, 2);
  await assertNamed(registry.repository("app").content, "v1", one);
});

test("two stores of one repository are one destination", async () => {
  const from = new MemoryStore("from");
  await writeContent(from, one, "one");
  const first = new FakeRegistry("registry.example");
  const planned = await plan([
    { from, reference: "one", to: first.repository("app"), tags: ["a"] },
    { from, reference: "one", to: new FakeRegistry("registry.example").repository("app"), tags: ["b"] },
  ]);
  assert.equal(planned.destinations.length, 1);
  assert.equal(planned.totals.nodes, one.nodes.length);
});
