import assert from "node:assert/strict";
import test from "node:test";
import { mediaTypes } from "../../../src/spec/media-type.ts";
import { createRegistryClient } from "../../../src/stores/registry/client.ts";
import { startFaultProxy } from "../../support/fault-proxy.ts";
import { startOrigin } from "../../support/hostile-origin.ts";
import { file, putImage, tarOf } from "../../support/image.ts";
import { startRegistry } from "../../support/registry.ts";

test("unread, a tag is one HEAD; what this run has read is not asked for", async (t) => {
  const { host } = await startRegistry(t);
  const proxy = await startFaultProxy(t, host);
  const client = createRegistryClient();
  t.after(() => client.close());
  const store = client.repository({ registry: proxy.host, repository: "x" });
  const { descriptor } = await putImage(store, [tarOf(file("a"))], { tag: "v1" });
  proxy.script();
  assert.deepEqual(await store.resolve("v1", { unread: true }), descriptor);
  assert.deepEqual(await store.resolve(descriptor.digest, { unread: true }), descriptor);
  assert.deepEqual(
    proxy.requests.map(({ method, url }) => `${method} ${url}`),
    ["HEAD /v2/x/manifests/v1"],
  );
});

test("a tag that is not there is asked for with GET, whose answer says so", async (t) => {
  const { host } = await startRegistry(t);
  const client = createRegistryClient();
  t.after(() => client.close());
  const store = client.repository({ registry: host, repository: "x" });
  await putImage(store, [tarOf(file("a"))], { tag: "v1" });
  await assert.rejects(store.resolve("v2", { unread: true }), {
    code: "ERR_LADING_NOT_FOUND",
    method: "GET",
  });
});

/** What a registry may say to HEAD that is no answer to what a tag stands for. */
const poor: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  "no digest": { "content-type": mediaTypes.ociManifest, "content-length": "10" },
  "a digest that is none": {
    "content-type": mediaTypes.ociManifest,
    "content-length": "10",
    "docker-content-digest": "sha256:abc",
  },
  "a web page": {
    "content-type": "text/html",
    "content-length": "10",
    "docker-content-digest": `sha256:${"a".repeat(64)}`,
  },
  "no length": {
    "content-type": mediaTypes.ociManifest,
    "docker-content-digest": `sha256:${"a".repeat(64)}`,
  },
};

for (const [what, headers] of Object.entries(poor)) {
  test(`a HEAD that answers with ${what} is followed by GET`, async (t) => {
    const bytes = Buffer.from(
      JSON.stringify({ schemaVersion: 2, mediaType: mediaTypes.ociIndex, manifests: [] }),
    );
    const origin = await startOrigin(t, (request, response) => {
      if (request.method === "HEAD") response.writeHead(200, headers).end();
      else response.writeHead(200, { "content-type": mediaTypes.ociIndex }).end(bytes);
    });
    const client = createRegistryClient();
    t.after(() => client.close());
    const store = client.repository({ registry: origin.host, repository: "x" });
    const { size, mediaType } = await store.resolve("v1", { unread: true });
    assert.deepEqual({ size, mediaType }, { size: bytes.length, mediaType: mediaTypes.ociIndex });
  });
}
