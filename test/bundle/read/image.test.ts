import assert from "node:assert/strict";
import test from "node:test";
import { bundleLabel } from "../../../src/bundle/documents/names.ts";
import { readImage } from "../../../src/bundle/read/image.ts";
import { bodyOf } from "../../../src/bytes/body.ts";
import { digestOf } from "../../../src/bytes/hash.ts";
import type { Descriptor } from "../../../src/spec/descriptor.ts";
import { mediaTypes } from "../../../src/spec/media-type.ts";
import { MemoryStore } from "../../../src/stores/memory.ts";
import { file, putBlob, putImage, tarOf } from "../../support/image.ts";
import { observed } from "../../support/sample-bundle.ts";

async function putManifest(store: MemoryStore, json: Record<string, unknown>): Promise<Descriptor> {
  const bytes = Buffer.from(JSON.stringify({ schemaVersion: 2, ...json }));
  const descriptor = { mediaType: String(json["mediaType"]), digest: digestOf(bytes), size: bytes.length };
  await store.write({ kind: "manifest", descriptor }, bodyOf(bytes));
  return descriptor;
}

async function withConfig(config: string, mediaType: string) {
  const store = new MemoryStore();
  const descriptor = await putManifest(store, {
    mediaType: mediaTypes.ociManifest,
    config: await putBlob(store, Buffer.from(config), mediaType),
    layers: [],
  });
  return readImage(store, descriptor);
}

test("the label makes the bundle, whatever its value", async () => {
  for (const [labels, isBundle] of [
    [{ [bundleLabel]: "true" }, true],
    [{ [bundleLabel]: "" }, true],
    [{ other: "true" }, false],
    [{}, false],
  ] as const) {
    const store = new MemoryStore();
    const { descriptor, manifest } = await putImage(store, [tarOf(file("a"))], { labels });
    const image = await readImage(store, descriptor);
    assert.equal(image.isBundle, isBundle);
    assert.deepEqual({ ...image.labels }, labels);
    assert.equal(image.manifest.kind, manifest.kind);
  }
});

test("the bundle that imgpkg pushed is one", async () => {
  const store = new MemoryStore();
  const bytes = await observed("bundle-manifest.json");
  const descriptor = { mediaType: mediaTypes.dockerManifest, digest: digestOf(bytes), size: bytes.length };
  await store.write({ kind: "manifest", descriptor }, bodyOf(bytes));
  await putBlob(store, await observed("bundle-config.json"), mediaTypes.dockerConfig);
  assert.equal((await readImage(store, descriptor)).isBundle, true);
});

test("an index is never a bundle", async () => {
  const store = new MemoryStore();
  const { descriptor } = await putImage(store, [tarOf(file("a"))], { labels: { [bundleLabel]: "true" } });
  const index = await putManifest(store, {
    mediaType: mediaTypes.ociIndex,
    manifests: [descriptor],
    annotations: { [bundleLabel]: "true" },
  });
  const image = await readImage(store, index);
  assert.deepEqual([image.manifest.kind, image.isBundle, image.labels], ["index", false, {}]);
});

test("what has a config that is no image's is no bundle, and no error", async () => {
  const helm = "application/vnd.cncf.helm.config.v1+json";
  assert.equal((await withConfig("not even JSON", helm)).isBundle, false);
  assert.equal((await withConfig('{"name":"chart","config":"x"}', helm)).isBundle, false);
  assert.equal((await withConfig("{}", mediaTypes.ociEmpty)).isBundle, false);
  // Nothing but the label is looked at.
  const labelled = JSON.stringify({ config: { Labels: { [bundleLabel]: "true" } } });
  assert.equal((await withConfig(labelled, helm)).isBundle, true);
});

test("an image's config that cannot be read is an error", async () => {
  await assert.rejects(withConfig("not even JSON", mediaTypes.ociConfig), { code: "ERR_LADING_DOCUMENT" });
});
