import assert from "node:assert/strict";
import test from "node:test";
import { copy } from "../../src/copy/copy.ts";
import { mediaTypes } from "../../src/spec/media-type.ts";
import { parsePlatform } from "../../src/spec/platform.ts";
import { MemoryStore } from "../../src/stores/memory.ts";
import { artifact, image, index, node, writeContent } from "../support/content.ts";
import { assertHolds, assertNamed } from "../support/same-content.ts";
import { FakeRegistry } from "./fake-registry.ts";

const amd = image({ seed: 1, platform: { os: "linux", architecture: "amd64" } });
const arm = image({ seed: 2, platform: { os: "linux", architecture: "arm64" } });
const s390 = image({ seed: 3, platform: { os: "linux", architecture: "s390x" } });
const all = index([amd, arm, s390]);
const platforms = (...names: string[]) => names.map(parsePlatform);

async function sourceOf(content = all) {
  const from = new MemoryStore("from");
  await writeContent(from, content, "v1");
  return from;
}

test("one platform copies that image alone, with its own digest", async () => {
  const to = new MemoryStore();
  const result = await copy([
    { from: await sourceOf(), reference: "v1", to, tags: ["v1"], platforms: platforms("linux/arm64") },
  ]);
  await assertNamed(to, "v1", arm);
  assert.equal(result.images[0]?.root.digest, arm.root.digest);
  assert.equal(await to.has({ kind: "manifest", descriptor: all.root }), false);
  assert.equal(await to.has({ kind: "manifest", descriptor: amd.root }), false);
});

test("several platforms copy a sparse index: same digest, chosen images only", async () => {
  const to = new MemoryStore();
  await copy([
    {
      from: await sourceOf(),
      reference: "v1",
      to,
      tags: ["v1"],
      platforms: platforms("linux/arm64", "linux/s390x"),
    },
  ]);
  assert.equal((await to.resolve("v1")).digest, all.root.digest);
  await assertHolds(to, arm);
  await assertHolds(to, s390);
  for (const each of amd.nodes) assert.equal(await to.has(each), false);
});

test("a registry that wants all images of an index says so clearly", async () => {
  const registry = new FakeRegistry("registry.example");
  const request = {
    from: await sourceOf(),
    reference: "v1",
    to: registry.repository("app"),
    tags: ["v1"],
    platforms: platforms("linux/arm64", "linux/s390x"),
  };
  await assert.rejects(copy([request]), { code: "ERR_LADING_UNSUPPORTED", hint: /whole index/ });
  // Where the others are already, the sparse copy goes through.
  await writeContent(registry.repository("app").content, amd);
  await copy([request]);
  await assertNamed(registry.repository("app").content, "v1", all);
});

test("platforms are found in nested indexes", async () => {
  const nested = index([index([amd, s390]), arm]);
  const from = await sourceOf(nested);
  const one = new MemoryStore();
  await copy([{ from, reference: "v1", to: one, tags: ["v1"], platforms: platforms("linux/s390x") }]);
  await assertNamed(one, "v1", s390);
  const two = new MemoryStore();
  await copy([
    { from, reference: "v1", to: two, tags: ["v1"], platforms: platforms("linux/s390x", "linux/arm64") },
  ]);
  assert.equal((await two.resolve("v1")).digest, nested.root.digest);
  await assertHolds(two, s390);
  await assertHolds(two, arm);
  assert.equal(await two.has({ kind: "manifest", descriptor: index([amd, s390]).root }), true);
  for (const each of amd.nodes) assert.equal(await two.has(each), false);
});

test("attestations go along with the images they are about", async () => {
  const attestations = [amd, arm].map(({ root }, i) => {
    const content = artifact({ seed: 10 + i, subject: root });
    const annotations = {
      "vnd.docker.reference.type": "attestation-manifest",
      "vnd.docker.reference.digest": root.digest,
    };
    const platform = { os: "unknown", architecture: "unknown" };
    return { ...content, root: { ...content.root, annotations, platform } };
  });
  const document = {
    schemaVersion: 2,
    mediaType: mediaTypes.ociIndex,
    manifests: [
      { ...amd.root, platform: { os: "linux", architecture: "amd64" } },
      { ...arm.root, platform: { os: "linux", architecture: "arm64" } },
      { ...s390.root, platform: { os: "linux", architecture: "s390x" } },
      ...attestations.map(({ root }) => root),
    ],
  };
  const root = node("manifest", mediaTypes.ociIndex, Buffer.from(JSON.stringify(document)));
  const nodes = [...[amd, arm, s390, ...attestations].flatMap((content) => content.nodes), root];
  const from = await sourceOf({ root: root.descriptor, nodes });
  const to = new MemoryStore();
  await copy([{ from, reference: "v1", to, tags: [], platforms: platforms("linux/amd64", "linux/s390x") }]);
  const [ofAmd, ofArm] = attestations;
  assert.ok(ofAmd && ofArm);
  await assertHolds(to, ofAmd);
  assert.equal(await to.has({ kind: "manifest", descriptor: ofArm.root }), false);
});

test("a platform that is not there is an error that lists what is", async () => {
  const request = {
    from: await sourceOf(),
    reference: "v1",
    to: new MemoryStore(),
    tags: [],
    platforms: platforms("windows/amd64"),
  };
  await assert.rejects(copy([request]), { code: "ERR_LADING_NOT_FOUND", hint: /linux\/s390x/ });
});

test("a root that is no index is copied as it is", async () => {
  const to = new MemoryStore();
  await copy([
    { from: await sourceOf(amd), reference: "v1", to, tags: ["v1"], platforms: platforms("linux/arm64") },
  ]);
  await assertNamed(to, "v1", amd);
});
