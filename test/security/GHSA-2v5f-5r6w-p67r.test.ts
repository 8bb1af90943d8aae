import assert from "node:assert/strict";
import test from "node:test";
import { bodyOf } from "../../src/bytes/body.ts";
import { copy } from "../../src/copy/copy.ts";
import { MemoryStore } from "../../src/stores/memory.ts";
import { createRegistryClient } from "../../src/stores/registry/client.ts";
import { image, writeContent } from "../support/content.ts";
import { startOrigin } from "../support/hostile-origin.ts";

// The MCP registry took a 429 of the container registry for "verified". An error never means that something is there.

for (const status of [429, 500, 503]) {
  test(`GHSA-2v5f-5r6w-p67r: after a ${status} nothing counts as present, done or allowed`, async (t) => {
    const origin = await startOrigin(t, (_request, response) => {
      // As misleading as can be: what a good answer would bring comes along.
      const { root } = content;
      response.writeHead(status, {
        "content-type": root.mediaType,
        "docker-content-digest": root.digest,
        location: "/v2/a/b/blobs/uploads/1",
      });
      response.end("{}");
    });
    const content = image();
    const client = createRegistryClient({ retry: { attempts: 2, minDelayMs: 1, maxDelayMs: 2 } });
    t.after(() => client.close());
    const store = client.repository({ registry: origin.host, repository: "a/b" });
    const refused = { code: status === 429 ? "ERR_LADING_RATE_LIMITED" : "ERR_LADING_REGISTRY" };

    for (const each of content.nodes) {
      await assert.rejects(store.has(each), refused);
      await assert.rejects(store.write(each, bodyOf(each.bytes)), refused);
    }
    await assert.rejects(store.resolve("v1"), refused);
    await assert.rejects(store.tag(content.root, "v1"), refused);
    await assert.rejects(store.untag("v1"), refused);
    await assert.rejects(client.checkLogin(origin.host, { username: "me", password: "x" }), refused);

    const from = new MemoryStore();
    await writeContent(from, content, "v1");
    await assert.rejects(copy([{ from, reference: "v1", to: store, tags: ["v1"] }]), refused);
  });
}
