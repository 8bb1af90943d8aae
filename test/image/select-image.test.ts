import assert from "node:assert/strict";
import test from "node:test";
import { bodyOf } from "../../src/bytes/body.ts";
import { digestOf } from "../../src/bytes/hash.ts";
import { selectImage, selectManifest } from "../../src/image/select-image.ts";
import { type Descriptor, descriptorToJson } from "../../src/spec/descriptor.ts";
import { mediaTypes } from "../../src/spec/media-type.ts";
import { parsePlatform } from "../../src/spec/platform.ts";
import { MemoryStore } from "../../src/stores/memory.ts";
import { putBlob, putImage } from "../support/image.ts";

async function putJson(
  store: MemoryStore,
  mediaType: string,
  json: object,
  tag?: string,
): Promise<Descriptor> {
  const bytes = Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType, ...json }));
  const descriptor = { mediaType, digest: digestOf(bytes), size: bytes.length };
  await store.write({ kind: "manifest", descriptor }, bodyOf(bytes));
  if (tag !== undefined) await store.tag(descriptor, tag);
  return descriptor;
}

function putIndex(store: MemoryStore, manifests: readonly Descriptor[], tag?: string): Promise<Descriptor> {
  return putJson(store, mediaTypes.ociIndex, { manifests: manifests.map(descriptorToJson) }, tag);
}

async function imageFor(store: MemoryStore, text: string): Promise<Descriptor> {
  const platform = parsePlatform(text);
  return { ...(await putImage(store, [], { platform })).descriptor, platform };
}

test("one image is found by its tag, its digest and its descriptor", async () => {
  const store = new MemoryStore();
  const { descriptor } = await putImage(store, [], { tag: "v1" });
  for (const reference of ["v1", descriptor.digest, descriptor]) {
    const image = await selectImage(store, reference);
    assert.equal(image.descriptor.digest, descriptor.digest);
    assert.equal(image.manifest.kind, "image");
    assert.deepEqual(image.config.platform, { os: "linux", architecture: "amd64" });
  }
  await assert.rejects(selectImage(store, "v2"), { code: "ERR_LADING_NOT_FOUND" });
});

test("of an index the image for the platform is chosen, also in nested indexes", async () => {
  const store = new MemoryStore();
  const amd64 = await imageFor(store, "linux/amd64");
  const armV6 = await imageFor(store, "linux/arm/v6");
  const inner = await putIndex(store, [amd64, armV6], "inner");
  await putIndex(store, [inner], "outer");
  for (const tag of ["inner", "outer"]) {
    const chosen = await selectImage(store, tag, { platform: parsePlatform("linux/arm/v7") });
    assert.equal(chosen.descriptor.digest, armV6.digest);
  }
  await assert.rejects(selectImage(store, "outer", { platform: parsePlatform("linux/s390x") }), {
    code: "ERR_LADING_NOT_FOUND",
    hint: "there is: linux/amd64, linux/arm/v6",
  });
});

test("of several images none is guessed; the only one is taken, attestations aside", async () => {
  const store = new MemoryStore();
  const amd64 = await imageFor(store, "linux/amd64");
  const attestation = { ...(await imageFor(store, "linux/386")), platform: parsePlatform("unknown/unknown") };
  await putIndex(store, [amd64, await imageFor(store, "linux/arm64"), attestation], "several");
  await assert.rejects(selectImage(store, "several"), {
    code: "ERR_LADING_USAGE",
    message: "the index has 2 images, and one is needed",
    hint: "choose one by its platform: linux/amd64, linux/arm64",
  });
  await putIndex(store, [attestation, amd64], "one");
  assert.equal((await selectImage(store, "one")).descriptor.digest, amd64.digest);
  await putIndex(store, [attestation], "none");
  await assert.rejects(selectImage(store, "none"), { code: "ERR_LADING_NOT_FOUND" });
});

test("an image of another platform is not passed off as the one asked for", async () => {
  const store = new MemoryStore();
  await putImage(store, [], { tag: "amd64" });
  await assert.rejects(selectImage(store, "amd64", { platform: parsePlatform("linux/arm64") }), {
    code: "ERR_LADING_NOT_FOUND",
    message: "there is no image for linux/arm64",
    hint: "the image is for linux/amd64",
  });
  assert.ok(await selectImage(store, "amd64", { platform: parsePlatform("linux/amd64/v3") }));
});

test("artifacts are no images, though their manifest can be had", async () => {
  const store = new MemoryStore();
  const config = await putBlob(store, Buffer.from("{}"), mediaTypes.ociEmpty);
  await putJson(
    store,
    mediaTypes.ociManifest,
    { config, layers: [], artifactType: "application/x" },
    "artifact",
  );
  await assert.rejects(selectImage(store, "artifact"), {
    code: "ERR_LADING_UNSUPPORTED",
    message: /is an artifact \(application\/x\) and no image/,
  });
  assert.equal((await selectManifest(store, "artifact")).manifest.artifactType, "application/x");
  await putJson(store, mediaTypes.ociArtifactManifest, { blobs: [] }, "old");
  await assert.rejects(selectManifest(store, "old"), { code: "ERR_LADING_UNSUPPORTED" });
});

test("indexes that nest without end are given up", async () => {
  const store = new MemoryStore();
  let descriptor = (await putImage(store, [])).descriptor;
  for (let depth = 0; depth < 9; depth++) descriptor = await putIndex(store, [descriptor], `depth-${depth}`);
  assert.ok(await selectImage(store, "depth-7"));
  await assert.rejects(selectImage(store, "depth-8"), { code: "ERR_LADING_LIMIT" });
});
