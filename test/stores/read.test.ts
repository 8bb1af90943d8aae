import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import test from "node:test";
import { bodyOf } from "../../src/bytes/body.ts";
import { digestOf } from "../../src/bytes/hash.ts";
import { unpackImage } from "../../src/image/unpack/unpack.ts";
import type { ImageManifest } from "../../src/spec/manifest.ts";
import { mediaTypes } from "../../src/spec/media-type.ts";
import { openArchive } from "../../src/stores/archive/open.ts";
import { openLayout } from "../../src/stores/layout/open.ts";
import { MemoryStore } from "../../src/stores/memory.ts";
import { readBytes, readConfig, readManifest } from "../../src/stores/read.ts";
import { blob, node } from "../support/content.ts";
import { type EntrySpec, tarOf } from "../support/tar.ts";
import { tempDir } from "../support/tmp.ts";

test("a document that cannot be read says where it is", async () => {
  const store = new MemoryStore("shelf");
  const manifest = node("manifest", mediaTypes.ociManifest, Buffer.from('{"schemaVersion":3}'));
  const config = node("blob", mediaTypes.ociConfig, Buffer.from("[]"));
  for (const each of [manifest, config]) await store.write(each, bodyOf(each.bytes));
  await assert.rejects(readManifest(store, manifest.descriptor), {
    code: "ERR_LADING_DOCUMENT",
    place: `shelf@${manifest.descriptor.digest}`,
  });
  await assert.rejects(readConfig(store, config.descriptor), {
    code: "ERR_LADING_DOCUMENT",
    place: `shelf@${config.descriptor.digest}`,
  });
});

test("unpacking says which config it could not read", async (t) => {
  const store = new MemoryStore("shelf");
  const config = node("blob", mediaTypes.ociConfig, Buffer.from("[]"));
  await store.write(config, bodyOf(config.bytes));
  const manifest: ImageManifest = {
    kind: "image",
    mediaType: mediaTypes.ociManifest,
    raw: new Uint8Array(),
    config: config.descriptor,
    layers: [],
  };
  await assert.rejects(unpackImage(store, manifest, join(await tempDir(t), "out")), {
    code: "ERR_LADING_DOCUMENT",
    place: `shelf@${config.descriptor.digest}`,
  });
});

test("the files of a layout and of archives that cannot be read say where they are", async (t) => {
  const dir = await tempDir(t);
  await openLayout(dir, { create: true });
  await writeFile(join(dir, "index.json"), "[");
  const layout = await openLayout(dir, { label: "oci:here" });
  await assert.rejects(layout.resolve(""), { code: "ERR_LADING_DOCUMENT", place: "oci:here" });
  await writeFile(join(dir, "oci-layout"), '{"imageLayoutVersion":"7.0.0"}');
  await assert.rejects(openLayout(dir, { label: "oci:here" }), {
    code: "ERR_LADING_DOCUMENT",
    place: "oci:here",
  });
  const archives: readonly (readonly [string, readonly EntrySpec[]])[] = [
    [
      "no index",
      [
        { name: "oci-layout", data: '{"imageLayoutVersion":"1.0.0"}' },
        { name: "index.json", data: "[]" },
      ],
    ],
    ["no list", [{ name: "manifest.json", data: "{}" }]],
  ];
  for (const [what, entries] of archives) {
    const path = join(dir, "archive.tar");
    await writeFile(path, tarOf(...entries));
    await assert.rejects(
      openArchive(path, { label: "the archive" }),
      { code: "ERR_LADING_DOCUMENT", place: "the archive" },
      what,
    );
  }
});

test("content in a descriptor is used when it is right, and else the source's", async () => {
  const store = new MemoryStore();
  const content = blob(100);
  const elsewhere = { ...content.descriptor, data: Buffer.from(content.bytes).toString("base64") };
  assert.deepEqual(Buffer.from(await readBytes(store, "blob", elsewhere, 1000)), Buffer.from(content.bytes));
  const wrong = { ...content.descriptor, data: Buffer.alloc(100).toString("base64") };
  await assert.rejects(readBytes(store, "blob", wrong, 1000), { code: "ERR_LADING_NOT_FOUND" });
  await store.write(content, bodyOf(content.bytes));
  assert.equal(digestOf(await readBytes(store, "blob", wrong, 1000)), content.descriptor.digest);
});
