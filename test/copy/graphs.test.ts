import assert from "node:assert/strict";
import test from "node:test";
import fc from "fast-check";
import { copy } from "../../src/copy/copy.ts";
import { nodeKey } from "../../src/spec/graph.ts";
import { MemoryStore } from "../../src/stores/memory.ts";
import { artifact, blob, type Content, image, index, writeContent } from "../support/content.ts";
import { assertNamed } from "../support/same-content.ts";
import { FakeRegistry } from "./fake-registry.ts";

/** Graphs with shared blobs, shared images, indexes in indexes, and referrers to any of them. */
const graphs = fc
  .record({
    images: fc.array(
      fc.record({ seed: fc.integer({ min: 1, max: 6 }), layers: fc.nat(3), share: fc.boolean() }),
      { minLength: 1, maxLength: 4 },
    ),
    indexes: fc.array(fc.array(fc.nat(), { minLength: 1, maxLength: 3 }), { maxLength: 4 }),
    referrers: fc.array(fc.record({ of: fc.nat(), seed: fc.integer({ min: 1, max: 50 }) }), { maxLength: 4 }),
  })
  .map(({ images, indexes, referrers }) => {
    const all: Content[] = [];
    for (const { seed, layers, share } of images) {
      const base = all[0]?.nodes;
      all.push(image({ seed, layers, layerBytes: 200, ...(share && base !== undefined ? { base } : {}) }));
    }
    for (const [i, children] of indexes.entries()) {
      const chosen = children.map((child) => all[child % all.length]).filter((child) => child !== undefined);
      all.push(index(chosen, { annotations: { index: `${i}` } }));
    }
    const root = all.at(-1) ?? image();
    const manifests = root.nodes.filter(({ kind }) => kind === "manifest");
    const referring: Content[] = [];
    for (const { of, seed } of referrers) {
      const subject = manifests[of % manifests.length]?.descriptor;
      if (subject === undefined) continue;
      const content = artifact({ subject, blobs: [blob(seed, seed)], annotations: { seed: `${seed}` } });
      referring.push(content);
      // The next may refer to this one.
      const own = content.nodes.at(-1);
      if (own !== undefined) manifests.push(own);
    }
    return { root, referring, others: all };
  });

async function keysOf(store: MemoryStore, contents: readonly Content[]): Promise<Set<string>> {
  const keys = new Set<string>();
  for (const { nodes } of contents)
    for (const each of nodes) if (await store.has(each)) keys.add(nodeKey(each));
  return keys;
}

function allKeys(contents: readonly Content[]): Set<string> {
  return new Set(contents.flatMap(({ nodes }) => nodes.map(nodeKey)));
}

test("any graph goes through a registry whole, and nothing beside it", async () => {
  await fc.assert(
    fc.asyncProperty(graphs, fc.boolean(), async ({ root, referring, others }, withReferrers) => {
      const from = new MemoryStore("from");
      for (const content of [...others, ...referring]) await writeContent(from, content);
      await from.tag(root.root, "v1");
      const registry = new FakeRegistry("registry.example");
      const [middle, side, to] = [registry.repository("a"), registry.repository("b"), new MemoryStore("to")];
      const common = { reference: "v1", tags: ["v1"], referrers: withReferrers };
      await copy([
        { ...common, from, to: middle },
        { ...common, from, to: side },
      ]);
      await copy([{ ...common, from: side, to }]);
      const expected = withReferrers ? [root, ...referring] : [root];
      for (const store of [middle.content, side.content, to]) {
        await assertNamed(store, "v1", root);
        assert.deepEqual(await keysOf(store, [...others, ...referring]), allKeys(expected));
      }
      const uploads = registry.calls.filter(({ what }) => what === "write");
      const blobs = new Set(
        expected.flatMap(({ nodes }) => nodes.filter(({ kind }) => kind === "blob").map(nodeKey)),
      );
      const manifests = allKeys(expected).size - blobs.size;
      assert.equal(uploads.length, blobs.size + 2 * manifests, "each blob once, each manifest to both");
    }),
    { numRuns: 60 },
  );
});

test("any graph with any node lost at the destination is healed", async () => {
  await fc.assert(
    fc.asyncProperty(graphs, fc.nat(), async ({ root }, lost) => {
      const from = new MemoryStore("from");
      await writeContent(from, root, "v1");
      const to = new FakeRegistry("registry.example").repository("app");
      await copy([{ from, reference: "v1", to, tags: ["v1"] }]);
      const gone = root.nodes[lost % root.nodes.length];
      assert.ok(gone);
      await to.content.remove(gone);
      await copy([{ from, reference: "v1", to, tags: ["v1"] }]);
      await assertNamed(to.content, "v1", root);
    }),
    { numRuns: 60 },
  );
});
