import assert from "node:assert/strict";
import test, { type TestContext } from "node:test";
import { imgpkgDocuments } from "../../../src/bundle/push/documents.ts";
import type { BundleLayerInput } from "../../../src/bundle/push/input.ts";
import { type BundleLayer, createBundleLayer } from "../../../src/bundle/push/layer.ts";
import { collect } from "../../../src/bytes/collect.ts";
import { decompress } from "../../../src/formats/compression.ts";
import { observed, sampleBundle, writeSampleBundle } from "../../support/sample-bundle.ts";
import { tempDir } from "../../support/tmp.ts";

const tenMiB = 10 * 1024 * 1024;

async function layerOf(
  t: TestContext,
  inputs: readonly BundleLayerInput[],
  preservePermissions = false,
): Promise<BundleLayer> {
  const layer = await createBundleLayer(inputs, {
    compression: "imgpkg",
    preservePermissions,
    tempDir: await tempDir(t),
  });
  t.after(() => layer[Symbol.asyncDispose]());
  return layer;
}

async function bytesOf(layer: BundleLayer): Promise<Buffer> {
  return await collect(await layer.body.open({ offset: 0 }), tenMiB, "layer");
}

async function tarOf(layer: BundleLayer): Promise<Buffer> {
  return await collect(decompress(await layer.body.open({ offset: 0 })), tenMiB, "tar");
}

test("the sample bundle gets the bytes that imgpkg gave it", async (t) => {
  const layer = await layerOf(t, [{ path: await writeSampleBundle(await tempDir(t)) }]);
  assert.deepEqual(await tarOf(layer), await observed("bundle-layer.tar"));
  assert.equal(layer.diffId, sampleBundle.diffId);
  assert.deepEqual(await bytesOf(layer), await observed("bundle-layer.tar.gz"));
  assert.equal(layer.descriptor.digest, sampleBundle.layer);
  assert.deepEqual(
    layer.entries.map(({ type, name }) => `${type} ${name}`),
    [
      "directory .",
      "directory .imgpkg",
      "file .imgpkg/bundle.yml",
      "file .imgpkg/images.yml",
      "file config.yml",
    ],
  );
  const { config, manifest } = imgpkgDocuments(layer, { labels: { "dev.carvel.imgpkg.bundle": "true" } });
  assert.deepEqual(config.bytes, await observed("bundle-config.json"));
  assert.deepEqual(manifest.bytes, await observed("bundle-manifest.json"));
  assert.equal(manifest.descriptor.digest, sampleBundle.manifest);
});

for (const which of ["outer", "nested"]) {
  test(`a layer from memory is the one that imgpkg makes of a file on disk (locations of the ${which} bundle)`, async (t) => {
    const tar = await observed(`loc-${which}-layer.tar`);
    const size = Number.parseInt(tar.toString("latin1", 512 + 124, 512 + 135), 8);
    const bytes = tar.subarray(1024, 1024 + size);
    const layer = await layerOf(t, [{ entries: [{ name: "image-locations.yml", bytes }] }]);
    assert.deepEqual(await tarOf(layer), tar);
    assert.deepEqual(await bytesOf(layer), await observed(`loc-${which}-layer.tar.gz`));
    const { config, manifest } = imgpkgDocuments(layer);
    assert.deepEqual(config.bytes, await observed(`loc-${which}-config.json`));
    assert.deepEqual(manifest.bytes, await observed(`loc-${which}-manifest.json`));
  });
}
