import assert from "node:assert/strict";
import test from "node:test";
import { copy } from "../../src/copy/copy.ts";
import { plan } from "../../src/copy/plan.ts";
import type { Descriptor } from "../../src/spec/descriptor.ts";
import type { Digest } from "../../src/spec/digest.ts";
import type { Node } from "../../src/spec/graph.ts";
import { limits } from "../../src/spec/limits.ts";
import { mediaTypes } from "../../src/spec/media-type.ts";
import { MemoryStore } from "../../src/stores/memory.ts";
import { type Content, image, index, node, writeContent } from "../support/content.ts";

async function planOf(content: Content) {
  const from = new MemoryStore("from");
  await writeContent(from, content, "v1");
  return plan([{ from, reference: "v1", to: new MemoryStore(), tags: [] }]);
}

function nested(levels: number): Content {
  let content = image();
  for (let i = 0; i < levels; i++) content = index([content], { annotations: { level: `${i}` } });
  return content;
}

test("indexes nest as deep as the limit, and no deeper", async () => {
  await planOf(nested(limits.graphDepth));
  await assert.rejects(planOf(nested(limits.graphDepth + 1)), { code: "ERR_LADING_LIMIT" });
});

test("a graph of too many nodes is refused", async () => {
  const config = node("blob", mediaTypes.ociConfig, Buffer.from("{}"));
  const manifests = [0, 1].map((half) =>
    node(
      "manifest",
      mediaTypes.ociManifest,
      Buffer.from(
        JSON.stringify({
          schemaVersion: 2,
          mediaType: mediaTypes.ociManifest,
          config: config.descriptor,
          layers: Array.from({ length: 50_001 }, (_, i) => ({
            mediaType: "a/b",
            size: 1,
            digest: `sha256:${(half * 50_001 + i).toString(16).padStart(64, "0")}`,
          })),
        }),
      ),
    ),
  );
  const document = {
    schemaVersion: 2,
    mediaType: mediaTypes.ociIndex,
    manifests: manifests.map((m) => m.descriptor),
  };
  const root = node("manifest", mediaTypes.ociIndex, Buffer.from(JSON.stringify(document)));
  await assert.rejects(planOf({ root: root.descriptor, nodes: [config, ...manifests, root] }), {
    code: "ERR_LADING_LIMIT",
    message: /100000 nodes/,
  });
});

test("referrers without end are refused", async () => {
  class Endless extends MemoryStore {
    override async *referrers(_: Digest): AsyncGenerator<Descriptor> {
      const { root } = image();
      for (;;) yield root;
    }
  }
  const from = new Endless("from");
  await writeContent(from, image(), "v1");
  await assert.rejects(plan([{ from, reference: "v1", to: new MemoryStore(), tags: [], referrers: true }]), {
    code: "ERR_LADING_LIMIT",
  });
});

function indexOf(...descriptors: Descriptor[]): Content["nodes"][number] {
  const document = { schemaVersion: 2, mediaType: mediaTypes.ociIndex, manifests: descriptors };
  return node("manifest", mediaTypes.ociIndex, Buffer.from(JSON.stringify(document)));
}

test("one digest with two sizes is refused", async () => {
  const child = image();
  const root = indexOf(child.root, { ...child.root, size: child.root.size + 1 });
  await assert.rejects(planOf({ root: root.descriptor, nodes: [...child.nodes, root] }), {
    code: "ERR_LADING_DOCUMENT",
  });
});

test("one manifest under two media types is refused", async () => {
  const child = image();
  const root = indexOf(child.root, { ...child.root, mediaType: mediaTypes.dockerManifest });
  await assert.rejects(planOf({ root: root.descriptor, nodes: [...child.nodes, root] }), {
    code: "ERR_LADING_DOCUMENT",
  });
});

test("sizes that add up beyond counting are refused", async () => {
  const config = node("blob", mediaTypes.ociConfig, Buffer.from("{}"));
  const layer = { mediaType: "a/b", size: Number.MAX_SAFE_INTEGER, digest: `sha256:${"0".repeat(64)}` };
  const document = {
    schemaVersion: 2,
    mediaType: mediaTypes.ociManifest,
    config: config.descriptor,
    layers: [layer, { ...layer, digest: `sha256:${"1".repeat(64)}` }],
  };
  const root = node("manifest", mediaTypes.ociManifest, Buffer.from(JSON.stringify(document)));
  class Complete extends MemoryStore {
    override async has(each: Node): Promise<boolean> {
      return each.kind === "blob" || super.has(each);
    }
  }
  const from = new Complete("from");
  await from.write(root, { size: root.bytes.byteLength, open: async () => [root.bytes] as never });
  await assert.rejects(plan([{ from, reference: root.descriptor, to: new MemoryStore(), tags: [] }]), {
    code: "ERR_LADING_LIMIT",
  });
});

test("a source that sends wrong bytes: nothing of it shows", async () => {
  const content = image();
  const [layer] = content.nodes;
  class Lying extends MemoryStore {
    override body(...args: Parameters<MemoryStore["body"]>) {
      const body = super.body(...args);
      if (args[0].descriptor.digest !== layer?.descriptor.digest) return body;
      return { size: body.size, open: async () => [Buffer.alloc(body.size)] as never };
    }
  }
  const from = new Lying("from");
  const to = new MemoryStore("to");
  await writeContent(from, content, "v1");
  await assert.rejects(copy([{ from, reference: "v1", to, tags: ["v1"] }]), {
    code: "ERR_LADING_DIGEST_MISMATCH",
  });
  assert.ok(layer && !(await to.has(layer)));
  await assert.rejects(to.resolve("v1"), { code: "ERR_LADING_NOT_FOUND" });
});

test("a manifest that is not what its digest says is refused while planning", async () => {
  const content = image();
  class Lying extends MemoryStore {
    override body(...args: Parameters<MemoryStore["body"]>) {
      const body = super.body(...args);
      if (args[0].kind === "blob") return body;
      return { size: body.size, open: async () => [Buffer.alloc(body.size, 32)] as never };
    }
  }
  const from = new Lying("from");
  await writeContent(from, content, "v1");
  await assert.rejects(plan([{ from, reference: "v1", to: new MemoryStore(), tags: [] }]), {
    code: "ERR_LADING_DIGEST_MISMATCH",
  });
});
