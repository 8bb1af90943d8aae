import assert from "node:assert/strict";
import { chmod, mkdir, readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
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

test("kept permissions are written as imgpkg writes them: every folder has the mode of the root", async (t) => {
  const folder = await tempDir(t);
  await mkdir(join(folder, "sub"));
  for (const [name, mode] of [
    ["plain", 0o640],
    ["setuid", 0o4755],
    ["sub/run", 0o755],
  ] as const) {
    await writeFile(join(folder, name), "");
    await chmod(join(folder, name), mode);
  }
  await chmod(join(folder, "sub"), 0o700);
  await chmod(folder, 0o751);
  const tar = await tarOf(await layerOf(t, [{ path: folder }], true));
  const headers = [0, 1, 2, 3, 4].map((i) => tar.subarray(i * 512, (i + 1) * 512));
  assert.deepEqual(
    headers.map((header) => [
      header.toString("latin1", 0, 100).replace(/\0+$/, ""),
      header.toString("hex", 100, 108),
      header.toString("latin1", 257, 265),
    ]),
    [
      [".", "80000000800001e9", "ustar  \0"],
      ["plain", Buffer.from("0000640\0").toString("hex"), "ustar\x0000"],
      ["setuid", "80000000008001ed", "ustar  \0"],
      ["sub", "80000000800001e9", "ustar  \0"],
      ["sub/run", Buffer.from("0000755\0").toString("hex"), "ustar\x0000"],
    ],
  );
  assert.equal(tar.length, 7 * 512);
  // A file that is named itself has its own.
  const single = await tarOf(await layerOf(t, [{ path: join(folder, "plain") }], true));
  assert.equal(single.toString("latin1", 100, 107), "0000640");
});

test("entries from memory stand at the root, sorted, and have names of files", async (t) => {
  const bytes = Buffer.from("x");
  const layer = await layerOf(t, [
    {
      entries: [
        { name: "b", bytes },
        { name: "a", bytes },
      ],
    },
  ]);
  assert.deepEqual(
    layer.entries.map(({ name }) => name),
    [".", "a", "b"],
  );
  for (const name of ["", ".", "..", "a/b", "a\0"]) {
    const made = createBundleLayer([{ entries: [{ name, bytes }] }], {
      compression: "imgpkg",
      tempDir: await tempDir(t),
    });
    await assert.rejects(made, { code: "ERR_LADING_USAGE" });
  }
});

test("a layer that is no more wanted ends early and leaves nothing", async (t) => {
  const folder = await writeSampleBundle(await tempDir(t));
  await writeFile(join(folder, "zzz"), Buffer.alloc(3_000_000, "text that is long enough "));
  const temp = await tempDir(t);
  const controller = new AbortController();
  const made = createBundleLayer([{ path: folder }], {
    compression: "imgpkg",
    tempDir: temp,
    signal: controller.signal,
    on: ({ type }) => {
      if (type === "file") controller.abort(new Error("enough"));
    },
  });
  await assert.rejects(made, { message: "enough" });
  assert.deepEqual(await readdir(temp), []);
});
