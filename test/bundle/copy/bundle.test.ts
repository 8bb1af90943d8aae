import assert from "node:assert/strict";
import test, { type TestContext } from "node:test";
import { image } from "../../support/content.ts";
import { startDockerRegistry } from "../../support/docker-registry.ts";
import { needs } from "../../support/peers.ts";
import { startRegistry } from "../../support/registry.ts";
import { dashed, fileIn, tagsOf, Yard } from "./yard.ts";

const nothing = { nodes: 0, bytes: 0 };

interface Nested {
  readonly yard: Yard;
  readonly host: string;
  readonly app: string;
  readonly nested: string;
  readonly outer: string;
}

/** A bundle with a bundle with an image, each in a repository of its own; the outer one names the image, too. */
async function nestedBundle(t: TestContext, host: string): Promise<Nested> {
  const yard = await Yard.open(t);
  const app = await yard.image(`${host}/simple-app`, 1);
  const nested = await yard.bundle(`${host}/nested-bundle`, [app]);
  const outer = await yard.bundle(`${host}/outer-bundle`, [app, nested]);
  return { yard, host, app, nested, outer };
}

const registries = [
  ["our registry", startRegistry, {}],
  ["docker-registry", startDockerRegistry, needs("docker-registry")],
] as const;

for (const [name, start, peers] of registries) {
  test(`a nested bundle gets imgpkg's tags in ${name}; a second copy moves nothing`, peers, async (t) => {
    const { host } = await start(t);
    const { yard, app, nested, outer } = await nestedBundle(t, host);
    const signed = [await yard.cosign(outer, "sig", 11), await yard.cosign(app, "sig", 12)];
    const copy = () => yard.copy(`${host}/outer-bundle:v1`, `${host}/x`, { cosign: ["sig"] });
    const first = await copy();
    const locations = first.locations.map(({ root }) => root.digest);
    assert.equal(locations.length, 2);
    const kept = [outer, nested, app, ...signed, ...locations].map((each) => `${dashed(each)}.imgpkg`);
    const expected = [
      "v1",
      ...kept,
      `${dashed(outer)}.sig`,
      `${dashed(app)}.sig`,
      `${dashed(outer)}.image-locations.imgpkg`,
      `${dashed(nested)}.image-locations.imgpkg`,
    ];
    assert.equal(expected.length, 12);
    assert.deepEqual(await yard.tags(`${host}/x`), expected.sort());
    // All of it was in this registry: blobs are mounted, only what is new is moved.
    assert.equal(first.images.flatMap(({ mounted }) => mounted.nodes).reduce((a, b) => a + b) > 0, true);

    const second = await copy();
    assert.deepEqual([second.moved, second.mounted], [nothing, nothing]);
    assert.deepEqual(
      second.locations.map(({ root }) => root.digest),
      locations,
    );
    assert.deepEqual(await yard.tags(`${host}/x`), expected.sort());
  });
}

test("locations tell of a bundle's own images, under both names, by their first references", async (t) => {
  const { host } = await startRegistry(t);
  const { yard, app, nested, outer } = await nestedBundle(t, host);
  await yard.copy(`${host}/outer-bundle:v1`, `${host}/x`);
  // From there on: the references stay those of the locks.
  await yard.copy(`${host}/x:v1`, `${host}/some/namespace/y`);
  for (const repository of ["x", "some/namespace/y"]) {
    const store = yard.at(`${host}/${repository}`);
    const outerTag = `${dashed(outer)}.image-locations.imgpkg`;
    const entries = [`- image: ${app}\n  isBundle: false\n`, `- image: ${nested}\n  isBundle: true\n`].sort();
    assert.equal(
      await fileIn(store, outerTag, "image-locations.yml"),
      `---\napiVersion: imgpkg.carvel.dev/v1alpha1\nimages:\n${entries.join("")}kind: ImageLocations\n`,
    );
    const seed = await fileIn(store, outerTag, "images-locations.yml");
    assert.match(seed, /^apiVersion: imgpkg\.carvel\.dev\/v1alpha1\nkind: ImagesLocation\nimages:\n/);
    assert.ok(seed.includes(`  - image: ${nested}\n    bundle: true\n`));
    assert.equal(
      await fileIn(store, `${dashed(nested)}.image-locations.imgpkg`, "image-locations.yml"),
      `---\napiVersion: imgpkg.carvel.dev/v1alpha1\nimages:\n- image: ${app}\n  isBundle: false\nkind: ImageLocations\n`,
    );
  }
});

test("repository-based tags stand in place of the generated ones, but not for locations", async (t) => {
  const { host } = await startRegistry(t);
  const { yard, app, nested, outer } = await nestedBundle(t, host);
  const signature = await yard.cosign(app, "sig", 12);
  const done = await yard.copy(`${host}/outer-bundle:v1`, `${host}/x`, {
    cosign: ["sig"],
    repositoryBasedTags: true,
  });
  const locations = done.locations.map(({ root }) => `${dashed(root.digest)}.imgpkg`);
  assert.deepEqual(
    await yard.tags(`${host}/x`),
    [
      "v1",
      `outer-bundle-${dashed(outer)}.imgpkg`,
      `nested-bundle-${dashed(nested)}.imgpkg`,
      `simple-app-${dashed(app)}.imgpkg`,
      `simple-app-${dashed(signature)}.imgpkg`,
      `${dashed(app)}.sig`,
      `${dashed(outer)}.image-locations.imgpkg`,
      `${dashed(nested)}.image-locations.imgpkg`,
      ...locations,
    ].sort(),
  );
});

test("a bundle that two others name is copied once", async (t) => {
  const [from, to] = [await startRegistry(t), await startRegistry(t)];
  const yard = await Yard.open(t);
  const app = await yard.image(`${from.host}/app`, 1);
  const leaf = await yard.bundle(`${from.host}/leaf`, [app]);
  const left = await yard.bundle(`${from.host}/left`, [leaf]);
  const right = await yard.bundle(`${from.host}/right`, [leaf, app]);
  const top = await yard.bundle(`${from.host}/top`, [left, right]);
  const done = await yard.copy(`${from.host}/top:v1`, `${to.host}/all`);
  assert.deepEqual(
    done.images.map(({ image }) => image.from),
    [app, leaf, left, right, top].sort(),
  );
  assert.deepEqual(done.images.map(({ image }) => image.foundBy).sort(), [
    "given",
    "origin",
    "origin",
    "origin",
    "origin",
  ]);
  assert.equal(done.locations.length, 4);
  // Three nodes for the image and for each of five bundles; three for each locations image.
  assert.equal(done.moved.nodes, 3 * 5 + 3 * 4);
  const again = await yard.copy(`${to.host}/all:v1`, `${to.host}/elsewhere`);
  assert.deepEqual(new Set(again.images.map(({ image }) => image.foundBy)), new Set(["given", "locations"]));
});

test("what lies in the bundle's repository without locations is taken from there", async (t) => {
  const [from, to] = [await startRegistry(t), await startRegistry(t)];
  const yard = await Yard.open(t);
  const app = await yard.image(`${from.host}/app`, 1);
  const bundle = await yard.bundle(`${from.host}/bundle`, [`gone.invalid/app@${app.split("@")[1]}`]);
  // As an old copier left it: the image is there, and nothing says so.
  await yard.put(`${from.host}/bundle`, image({ seed: 1, layers: 1 }), "old");
  const done = await yard.copy(`${from.host}/bundle:v1`, `${to.host}/x`);
  const found = done.images.find(({ image: { kind } }) => kind === "image")?.image;
  assert.equal(found?.foundBy, "bundle repository");
  assert.equal(found?.origin, `gone.invalid/app@${app.split("@")[1]}`);
  assert.deepEqual(
    done.locations.map(({ bundle: digest }) => digest),
    [bundle.split("@")[1]],
  );
});

test("a bundle by digest takes no tag along; one without tag is the latest", async (t) => {
  const { host } = await startRegistry(t);
  const yard = await Yard.open(t);
  const bundle = await yard.bundle(`${host}/bundle`, [], "latest");
  const byDigest = await yard.copy(bundle, `${host}/by-digest`);
  assert.deepEqual(
    await tagsOf(yard.at(`${host}/by-digest`)),
    [
      `${dashed(bundle)}.imgpkg`,
      `${dashed(bundle)}.image-locations.imgpkg`,
      `${dashed(byDigest.locations[0]?.root.digest ?? "")}.imgpkg`,
    ].sort(),
  );
  await yard.copy(`${host}/bundle`, `${host}/latest`);
  assert.ok((await yard.tags(`${host}/latest`)).includes("latest"));
  assert.equal(
    await fileIn(
      yard.at(`${host}/latest`),
      `${dashed(bundle)}.image-locations.imgpkg`,
      "image-locations.yml",
    ),
    "---\napiVersion: imgpkg.carvel.dev/v1alpha1\nimages: null\nkind: ImageLocations\n",
  );
});
