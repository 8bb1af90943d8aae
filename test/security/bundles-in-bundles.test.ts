import assert from "node:assert/strict";
import test from "node:test";
import { gatherBundle } from "../../src/bundle/copy/gather-bundle.ts";
import { relocate } from "../../src/bundle/copy/relocate.ts";
import { apiVersion } from "../../src/bundle/documents/header.ts";
import { readBundleTree } from "../../src/bundle/read/tree.ts";
import { bundlesOf } from "../../src/bundle/read/walk.ts";
import { verifyBundle } from "../../src/bundle/verify/verify.ts";
import { parseReference, type Reference } from "../../src/spec/reference.ts";
import { MemoryStore } from "../../src/stores/memory.ts";
import { rejectsWith } from "../stores/contract.ts";
import { putBundle, putLocations } from "../support/bundle-image.ts";
import { image as imageContent, index, writeContent } from "../support/content.ts";
import { tempDir } from "../support/tmp.ts";

// Bundles name bundles: a few small ones may stand for more than memory holds (CWE-409, CWE-770), and what a locations
// image says of them may be a lie.

const place = "registry.example/x";

function root(digest: string): Reference {
  return parseReference(`${place}@${digest}`);
}

test("CWE-409: locks that unpack to more than memory are not all kept", async () => {
  const store = new MemoryStore("x");
  const images: { image: string }[] = [];
  const long = "a".repeat(7 * 1024 * 1024);
  for (let i = 0; i < 20; i++) {
    const image = `${place}@sha256:${String(i).padStart(64, "0")}`;
    const lock = `apiVersion: ${apiVersion}\nkind: ImagesLock\nimages:\n- image: ${image}\n  annotations:\n    a: ${long}\n`;
    const { digest } = await putBundle(store, { images: [], lock });
    await putLocations(store, digest, [{ image, isBundle: false }]);
    images.push({ image: `${place}@${digest}` });
  }
  const outer = await putBundle(store, { images });
  const reading = readBundleTree(
    { reference: root(outer.digest), source: store },
    { open: async () => store },
  );
  await rejectsWith("ERR_LADING_LIMIT", reading);
});

test("CWE-770: a report on images that are named again and again has an end", async () => {
  const store = new MemoryStore("x");
  const apps = Array.from({ length: 5_000 }, (_, i) => ({
    image: `${place}@sha256:${String(i).padStart(64, "0")}`,
  }));
  const bundles: { image: string }[] = [];
  for (let i = 0; i < 21; i++) {
    const { digest } = await putBundle(store, { images: apps, metadata: `metadata: {n: "${i}"}\n` });
    bundles.push({ image: `${place}@${digest}` });
  }
  const outer = await putBundle(store, { images: bundles });
  const verifying = verifyBundle(
    { reference: root(outer.digest), source: store },
    { open: async () => store },
  );
  await rejectsWith("ERR_LADING_LIMIT", verifying);
});

test("a locations image that takes images for bundles, and bundles for images, moves no wrong bytes", async (t) => {
  const [store, to] = [new MemoryStore("x"), new MemoryStore("to")];
  const app = imageContent({ seed: 7 });
  await writeContent(store, app);
  const inner = await putBundle(store, { images: [{ image: `${place}@${app.root.digest}` }] });
  const images = [{ image: `${place}@${app.root.digest}` }, { image: `${place}@${inner.digest}` }];
  const outer = await putBundle(store, { images });
  await putLocations(store, outer.digest, [
    { image: `${place}@${app.root.digest}`, isBundle: true },
    { image: `${place}@${inner.digest}`, isBundle: false },
  ]);
  const set = await gatherBundle(
    { reference: root(outer.digest), source: store },
    { open: async () => store },
  );
  assert.deepEqual(
    set.images.map(({ root: { digest }, kind }) => [digest, kind]).sort(),
    [
      [app.root.digest, "image"],
      // It is taken at its word, so that no image has to be looked into; `bundle verify` finds the lie.
      [inner.digest, "image"],
      [outer.digest, "bundle"],
    ].sort(),
  );
  await relocate(set, to, { tempDir: await tempDir(t) });
  for (const { digest } of [app.root, inner, outer]) assert.equal((await to.resolve(digest)).digest, digest);
  const report = await verifyBundle(
    { reference: root(outer.digest), source: store },
    { open: async () => store },
  );
  assert.deepEqual(report.images.find(({ kind }) => kind === "locations")?.problems.length, 2);
});

test("an index with a bundle in it is no bundle, and comes along whole", async (t) => {
  const [store, to] = [new MemoryStore("x"), new MemoryStore("to")];
  const inner = await putBundle(store, {
    images: [{ image: `elsewhere.example/gone@sha256:${"0".repeat(64)}` }],
  });
  const around = index([{ root: { ...inner, platform: { os: "linux", architecture: "amd64" } }, nodes: [] }]);
  await writeContent(store, around);
  const outer = await putBundle(store, { images: [{ image: `${place}@${around.root.digest}` }] });
  const tree = await readBundleTree(
    { reference: root(outer.digest), source: store },
    { open: async () => store },
  );
  assert.equal([...bundlesOf(tree)].length, 1);
  const set = await gatherBundle(
    { reference: root(outer.digest), source: store },
    { open: async () => store },
  );
  await relocate(set, to, { tempDir: await tempDir(t) });
  for (const { digest } of [inner, around.root, outer]) await to.resolve(digest);
});
