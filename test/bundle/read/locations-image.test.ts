import assert from "node:assert/strict";
import test from "node:test";
import { formatLocations } from "../../../src/bundle/documents/locations.ts";
import { locationsTag, parsePinned } from "../../../src/bundle/documents/names.ts";
import { readLocations } from "../../../src/bundle/read/locations-image.ts";
import { stepsOf } from "../../../src/bundle/steps.ts";
import { bodyOf } from "../../../src/bytes/body.ts";
import { digestOf } from "../../../src/bytes/hash.ts";
import { isLadingError } from "../../../src/errors.ts";
import { parseDigest } from "../../../src/spec/digest.ts";
import { mediaTypes } from "../../../src/spec/media-type.ts";
import { MemoryStore } from "../../../src/stores/memory.ts";
import { startDockerRegistry } from "../../support/docker-registry.ts";
import { file, putBlob, putImage, type TestEntry, tarOf } from "../../support/image.ts";
import { needs } from "../../support/peers.ts";
import { observed } from "../../support/sample-bundle.ts";
import { countedRegistry, freshClient } from "./registries.ts";

const bundle = parseDigest(`sha256:${"a".repeat(64)}`);
const tag = locationsTag(bundle);

function files(hex: string) {
  const image = `b.example/c@sha256:${hex.repeat(64)}`;
  return formatLocations({ images: [{ image, reference: parsePinned(image), isBundle: false }] });
}

async function storeWith(layers: readonly (readonly TestEntry[])[]): Promise<MemoryStore> {
  const store = new MemoryStore();
  await putImage(
    store,
    layers.map((entries) => tarOf(...entries)),
    { format: "docker", tag },
  );
  return store;
}

/** The digits of the images that are told of. */
async function told(...layers: readonly (readonly TestEntry[])[]) {
  const locations = await readLocations(await storeWith(layers), bundle);
  return locations?.images.map(({ reference }) => reference.digest.at(-1)).join("");
}

for (const name of ["loc-nested", "loc-outer"]) {
  test(`${name}: what imgpkg pushed is read from its bytes`, async () => {
    const store = new MemoryStore();
    const bytes = await observed(`${name}-manifest.json`);
    const descriptor = { mediaType: mediaTypes.dockerManifest, digest: digestOf(bytes), size: bytes.length };
    await putBlob(store, await observed(`${name}-config.json`), mediaTypes.dockerConfig);
    await putBlob(store, await observed(`${name}-layer.tar.gz`), mediaTypes.dockerLayerGzip);
    await store.write({ kind: "manifest", descriptor }, bodyOf(bytes));
    await store.tag(descriptor, tag);
    const locations = await readLocations(store, bundle);
    assert.deepEqual(
      locations?.images.map(({ image, isBundle }) => [image.split("@")[0], isBundle]),
      [
        ...(name === "loc-outer" ? [["127.0.0.1:5601/nested-bundle", true]] : []),
        ["127.0.0.1:5601/simple-app", false],
      ],
    );
  });
}

test("either file is read, in any folder, and the shipped one first", async () => {
  const [one, two] = [files("1"), files("2")];
  assert.equal(await told([file("image-locations.yml", one.shipped)]), "1");
  assert.equal(await told([file("images-locations.yml", one.seed)]), "1");
  assert.equal(
    await told([file("images-locations.yml", one.seed), file("image-locations.yml", two.shipped)]),
    "2",
  );
  assert.equal(await told([file("some/folder/image-locations.yml", one.shipped)]), "1");
  assert.equal(
    await told([file("x/image-locations.yml", one.shipped), file("y/image-locations.yml", two.shipped)]),
    "1",
  );
  assert.equal(await told([file("lower")], [file("image-locations.yml", one.shipped)]), "1");
});

test("an image without either file, and an index, are errors", async () => {
  await assert.rejects(told([file("other.yml")]), (error: unknown) => {
    assert.ok(isLadingError(error));
    assert.equal(error.code, "ERR_LADING_DOCUMENT");
    assert.equal(error.place, `memory:${tag}`);
    assert.deepEqual(stepsOf(error), ["Reading fetched location image"]);
    return true;
  });
  const store = new MemoryStore();
  const bytes = Buffer.from(
    JSON.stringify({ schemaVersion: 2, mediaType: mediaTypes.ociIndex, manifests: [] }),
  );
  const descriptor = { mediaType: mediaTypes.ociIndex, digest: digestOf(bytes), size: bytes.length };
  await store.write({ kind: "manifest", descriptor }, bodyOf(bytes));
  await store.tag(descriptor, tag);
  await assert.rejects(readLocations(store, bundle), {
    message: "Expected locations to be an image, was index",
  });
});

test("a locations image with more files than it may have is refused", async () => {
  const many = Array.from({ length: 1001 }, (_, i) => file(`file ${i}`, ""));
  await assert.rejects(told(many), { code: "ERR_LADING_LIMIT" });
});

for (const status of [401, 403, 404] as const) {
  test(`a repository that answers with ${status} has no locations image`, async (t) => {
    const registry = await countedRegistry(t);
    await putImage(registry.repository("bundle"), [tarOf(file("image-locations.yml", files("1").shipped))], {
      tag,
    });
    assert.equal((await readLocations(registry.repository("bundle"), bundle))?.images.length, 1);
    registry.proxy.script({
      match: { path: /image-locations/ },
      times: 100,
      action: { kind: "status", status },
    });
    assert.equal(await readLocations(registry.repository("bundle"), bundle), undefined);
  });
}

test("a registry that fails is no registry without a locations image", async (t) => {
  const registry = await countedRegistry(t);
  registry.proxy.script({ times: 100, action: { kind: "status", status: 500 } });
  await assert.rejects(readLocations(registry.repository("bundle"), bundle), (error: unknown) => {
    assert.deepEqual(stepsOf(error), ["Fetching location image"]);
    return isLadingError(error) && error.code === "ERR_LADING_REGISTRY";
  });
});

test("docker-registry without credentials has none, either", needs("docker-registry"), async (t) => {
  const { host } = await startDockerRegistry(t, { htpasswd: true });
  const store = freshClient(t).repository({ registry: host, repository: "bundle" });
  assert.equal(await readLocations(store, bundle), undefined);
});
