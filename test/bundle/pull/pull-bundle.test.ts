import assert from "node:assert/strict";
import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import test from "node:test";
import { formatImagesLock, lockOf } from "../../../src/bundle/documents/images-lock.ts";
import { digestOf } from "../../../src/bytes/hash.ts";
import { putBundle, putLocations } from "../../support/bundle-image.ts";
import { file, putImage, symlink, tarOf } from "../../support/image.ts";
import { tempDir } from "../../support/tmp.ts";
import { treeOf } from "../../support/tree.ts";
import { pull, putApp, putSeedLocations, type Watched, watched } from "./registries.ts";

/** The lock in a pulled folder. */
function lockIn(target: string, nested?: string): string {
  const folder = nested === undefined ? target : join(target, nestedFolder(nested));
  return readFileSync(join(folder, ".imgpkg/images.yml"), "utf8");
}

function nestedFolder(digest: string): string {
  return `.imgpkg/bundles/${digest.replace(":", "-")}`;
}

function lockWith(...images: readonly string[]): string {
  return formatImagesLock(lockOf(images.map((image) => ({ image }))));
}

/** A registry that nobody is to ask. */
async function forbidden(t: test.TestContext): Promise<Watched> {
  const registry = await watched(t);
  t.after(() => assert.deepEqual(registry.proxy.requests, [], "the origin was asked"));
  return registry;
}

/** What a pull of one bundle with one layer asks for, whatever its lock says. */
const content = (repository: string, tag: string) => [
  `GET ${repository}:${tag}`,
  // Its config, for the label and for the digests of the layers, and its layer: once.
  ...Array<string>(3).fill(`GET ${repository} blob`),
];

test("with locations the lock is rewritten, and nothing is asked but the bundle's repository for the bundle", async (t) => {
  const origin = await forbidden(t);
  const { host, store, asked } = await watched(t);
  const digests = ["a", "b", "c"].map((name) => digestOf(Buffer.from(name)));
  const images = digests.map((digest, i) => ({
    image: `${origin.host}/some/app${i}@${digest}`,
    annotations: i === 1 ? { "kbld.carvel.dev/id": "b" } : {},
  }));
  const bundle = await putBundle(store("moved/here"), { images, tag: "v1" });
  await putLocations(
    store("moved/here"),
    bundle.digest,
    images.map(({ image }) => ({ image, isBundle: false })),
  );
  const { target, plan } = await pull(t, `${host}/moved/here:v1`);
  assert.equal(
    lockIn(target),
    `---\napiVersion: imgpkg.carvel.dev/v1alpha1\nimages:\n${digests
      .map((digest, i) => {
        const annotations = "- annotations:\n    kbld.carvel.dev/id: b\n  ";
        return `${i === 1 ? annotations : "- "}image: ${host}/moved/here@${digest}\n`;
      })
      .join("")}kind: ImagesLock\n`,
  );
  assert.ok(plan.root.relocation.rewritten && plan.root.relocation.by === "locations");
  const locations = `${bundle.digest.replace(":", "-")}.image-locations.imgpkg`;
  const expected = [...content("moved/here", "v1"), `GET moved/here:${locations}`, "GET moved/here blob"];
  assert.deepEqual(asked().sort(), expected.sort());
  assert.deepEqual(
    asked().filter((line) => line.startsWith("HEAD")),
    [],
  );
});

test("locations in the form of the proposal: a repository is honoured, its absence is the bundle's own", async (t) => {
  const origin = await forbidden(t);
  const { host, store, asked } = await watched(t);
  const [one, two] = [digestOf(Buffer.from("one")), digestOf(Buffer.from("two"))];
  const images = [{ image: `${origin.host}/one@${one}` }, { image: `${origin.host}/two@${two}` }];
  const bundle = await putBundle(store("b"), { images, tag: "v1" });
  await putSeedLocations(store("b"), bundle.digest, [
    { image: `${origin.host}/one@${one}`, isBundle: false, repository: "elsewhere/one" },
    { image: `${origin.host}/two@${two}`, isBundle: false },
  ]);
  const { target } = await pull(t, `${host}/b:v1`);
  assert.equal(lockIn(target), lockWith(`${host}/elsewhere/one@${one}`, `${host}/b@${two}`));
  assert.ok(asked().every((line) => !line.includes("elsewhere")));
});

test("without locations every image is looked for beside the bundle, once, and found", async (t) => {
  const origin = await forbidden(t);
  const { host, store, asked } = await watched(t);
  const digests = [await putApp(store("b"), "one"), await putApp(store("b"), "two")];
  const images = digests.map((digest) => ({ image: `${origin.host}/app@${digest}` }));
  await putBundle(store("b"), { images: [...images, ...images], tag: "v1" });
  const { target, plan } = await pull(t, `${host}/b:v1`);
  const places = digests.map((digest) => `${host}/b@${digest}`);
  assert.equal(lockIn(target), lockWith(...places, ...places));
  assert.ok(plan.root.relocation.rewritten && plan.root.relocation.by === "presence");
  assert.deepEqual(
    asked()
      .filter((line) => line.startsWith("HEAD"))
      .sort(),
    digests.map((digest) => `HEAD b@${digest}`).sort(),
  );
});

test("an image that is not beside the bundle leaves the lock as it was, byte for byte", async (t) => {
  const origin = await forbidden(t);
  const { host, store } = await watched(t);
  const there = await putApp(store("b"));
  const gone = digestOf(Buffer.from("gone"));
  const lock = `# ours\n${lockWith(`${origin.host}/app@${there}`, `${origin.host}/gone@${gone}`)}`;
  await putBundle(store("b"), { images: [], lock, tag: "v1" });
  const { target, plan } = await pull(t, `${host}/b:v1`);
  assert.equal(lockIn(target), lock);
  const { relocation } = plan.root;
  assert.ok(!relocation.rewritten && relocation.because === "missing");
  assert.equal(relocation.missing?.image, `${origin.host}/gone@${gone}`);
});

test("not allowed to look is not there; any other failure ends the pull and leaves the old folder", async (t) => {
  const { host, store, proxy } = await watched(t);
  const digests = [await putApp(store("b"), "one"), await putApp(store("b"), "two")];
  const lock = lockWith(...digests.map((digest) => `example.com/app@${digest}`));
  await putBundle(store("b"), { images: [], lock, tag: "v1" });
  const target = join(await tempDir(t), "out");
  mkdirSync(target);
  writeFileSync(join(target, "old"), "old");
  const path = new RegExp(`manifests/${digests[1]}$`);
  for (const status of [500, 503]) {
    proxy.script({ match: { path }, times: 9, action: { kind: "status", status } });
    await assert.rejects(pull(t, `${host}/b:v1`, { target }), { code: "ERR_LADING_REGISTRY" });
    assert.deepEqual(treeOf(target), ['file 644 old "old"']);
    assert.deepEqual(readdirSync(join(target, "..")), ["out"]);
  }
  for (const status of [401, 403, 404]) {
    proxy.script({ match: { path }, times: 9, action: { kind: "status", status } });
    await pull(t, `${host}/b:v1`, { target });
    assert.equal(lockIn(target), lock, `${status}`);
  }
});

test("a bundle with no images is complete", async (t) => {
  const { host, store } = await watched(t);
  await putBundle(store("b"), { images: [], tag: "v1" });
  const { target, plan } = await pull(t, `${host}/b:v1`, { recursive: true });
  assert.ok(plan.root.relocation.rewritten);
  assert.equal(lockIn(target), "---\napiVersion: imgpkg.carvel.dev/v1alpha1\nkind: ImagesLock\n");
});

test("three levels with a diamond: each bundle once, flat, each with its own decision", async (t) => {
  const { host, store, asked } = await watched(t);
  const away = await watched(t);
  const x = store("x");
  const app = await putApp(x);
  // Only at its origin, with an image that is beside it.
  const farImage = await putApp(away.store("far"));
  const far = await putBundle(away.store("far"), { images: [{ image: `${away.host}/o@${farImage}` }] });
  const inner = await putBundle(x, { images: [{ image: `${host}/app@${app}` }] });
  const left = await putBundle(x, {
    images: [{ image: `${host}/inner@${inner.digest}` }, { image: `${host}/x@${app}` }],
  });
  const right = await putBundle(x, {
    images: [{ image: `${host}/inner@${inner.digest}` }, { image: `${away.host}/far@${far.digest}` }],
  });
  const outer = await putBundle(x, {
    images: [left, right, inner].map(({ digest }) => ({ image: `${host}/x@${digest}` })),
    tag: "v1",
  });
  const { target, plan, pulled } = await pull(t, `${host}/x:v1`, { recursive: true });
  const flat = [left, inner, right, far].map(({ digest }) => digest);
  assert.deepEqual(
    readdirSync(join(target, ".imgpkg/bundles")).sort(),
    flat.map((digest) => digest.replace(":", "-")).sort(),
  );
  assert.deepEqual(
    plan.visits.map(({ bundle, depth, again }) => [bundle.descriptor.digest, depth, again]),
    [
      [outer.digest, 0, false],
      [left.digest, 1, false],
      [inner.digest, 2, false],
      [right.digest, 1, false],
      [inner.digest, 2, true],
      [far.digest, 2, false],
      [inner.digest, 1, true],
    ],
  );
  assert.deepEqual(
    pulled.map(({ bundle, unpacked }) => [bundle.at, unpacked.files]),
    [["", 2], ...flat.map((digest) => [nestedFolder(digest), 2])],
  );
  const here = (digest: string) => `${host}/x@${digest}`;
  assert.equal(lockIn(target), lockWith(here(left.digest), here(right.digest), here(inner.digest)));
  assert.equal(lockIn(target, left.digest), lockWith(here(inner.digest), here(app)));
  assert.equal(lockIn(target, inner.digest), lockWith(here(app)));
  // The far bundle is not beside this one, and so its lock stays; the far one's own images are beside it.
  assert.equal(
    lockIn(target, right.digest),
    lockWith(`${host}/inner@${inner.digest}`, `${away.host}/far@${far.digest}`),
  );
  assert.equal(lockIn(target, far.digest), lockWith(`${away.host}/far@${farImage}`));
  // However often it is named.
  assert.equal(asked().filter((line) => line === `GET x@${inner.digest}`).length, 1);
});

test("with locations at every level a recursive pull asks no origin, and nothing about plain images", async (t) => {
  const origin = await forbidden(t);
  const { host, store, asked } = await watched(t);
  const app = digestOf(Buffer.from("never pushed"));
  const appImage = `${origin.host}/app@${app}`;
  const inner = await putBundle(store("x"), { images: [{ image: appImage }] });
  await putLocations(store("x"), inner.digest, [{ image: appImage, isBundle: false }]);
  const innerImage = `${origin.host}/inner@${inner.digest}`;
  const outer = await putBundle(store("x"), {
    images: [{ image: innerImage }, { image: appImage }],
    tag: "v1",
  });
  await putLocations(store("x"), outer.digest, [
    { image: innerImage, isBundle: true },
    { image: appImage, isBundle: false },
  ]);
  const { target } = await pull(t, `${host}/x:v1`, { recursive: true });
  assert.equal(lockIn(target), lockWith(`${host}/x@${inner.digest}`, `${host}/x@${app}`));
  assert.equal(lockIn(target, inner.digest), lockWith(`${host}/x@${app}`));
  assert.ok(asked().every((line) => !line.startsWith("HEAD") && !line.includes(app)));
});

test("a bundle in the bundle that is nowhere fails the recursive pull, and the folder stays", async (t) => {
  const { host, store } = await watched(t);
  const missing = digestOf(Buffer.from("missing"));
  await putBundle(store("x"), { images: [{ image: `${host}/gone@${missing}` }], tag: "v1" });
  const target = join(await tempDir(t), "out");
  mkdirSync(target);
  writeFileSync(join(target, "old"), "old");
  await assert.rejects(pull(t, `${host}/x:v1`, { recursive: true, target }), {
    code: "ERR_LADING_NOT_FOUND",
  });
  assert.deepEqual(readdirSync(target), ["old"]);
  assert.deepEqual(readdirSync(join(target, "..")), ["out"]);
});

test("damage anywhere leaves the old folder: root layer, nested layer, locations", async (t) => {
  const { host, store, proxy } = await watched(t);
  const x = store("x");
  const app = await putApp(x);
  const inner = await putBundle(x, { images: [{ image: `${host}/x@${app}` }] });
  const image = `${host}/x@${inner.digest}`;
  const outer = await putBundle(x, { images: [{ image }], tag: "v1" });
  await putLocations(x, outer.digest, [{ image, isBundle: true }]);
  const target = join(await tempDir(t), "out");
  mkdirSync(target);
  writeFileSync(join(target, "old"), "old");
  proxy.script();
  await pull(t, `${host}/x:v1`, { recursive: true });
  const blobs = proxy.requests.flatMap(({ url, index }) => (url.includes("/blobs/") ? [index] : []));
  assert.ok(blobs.length >= 6);
  const failed: string[] = [];
  for (const index of new Set(blobs.map((blob) => proxy.requests[blob]?.url ?? ""))) {
    const path = new RegExp(`${index.replaceAll("/", "\\/")}$`);
    proxy.script({ match: { path }, times: 99, action: { kind: "wrong-bytes" } });
    await assert.rejects(pull(t, `${host}/x:v1`, { recursive: true, target }), (error: { code: string }) => {
      failed.push(error.code);
      return true;
    });
    assert.deepEqual(readdirSync(target), ["old"]);
    assert.deepEqual(readdirSync(join(target, "..")), ["out"]);
  }
  assert.deepEqual([...new Set(failed)], ["ERR_LADING_DIGEST_MISMATCH"]);
});

test("a locations image that says nonsense, or names a bundle that is not there, ends the pull", async (t) => {
  const { host, store } = await watched(t);
  const inner = digestOf(Buffer.from("inner"));
  const image = `${host}/inner@${inner}`;
  const bundle = await putBundle(store("x"), { images: [{ image }], tag: "v1" });
  const { digest } = bundle;
  await putLocations(store("x"), digest, [{ image, isBundle: true }]);
  await assert.rejects(pull(t, `${host}/x:v1`, { recursive: true }), { code: "ERR_LADING_NOT_FOUND" });
  // Without -r nobody looks: that the images are there is what the locations promise.
  assert.equal(lockIn((await pull(t, `${host}/x:v1`)).target), lockWith(`${host}/x@${inner}`));
  await putImage(store("x"), [tarOf(file("image-locations.yml", "kind: Other\n"))], {
    tag: `${digest.replace(":", "-")}.image-locations.imgpkg`,
  });
  await assert.rejects(pull(t, `${host}/x:v1`), { code: "ERR_LADING_DOCUMENT" });
});

test("layers in their order, whiteouts, empty folders, modes and times; nothing out of the folder", async (t) => {
  const umask = process.umask(0o027);
  t.after(() => process.umask(umask));
  const { host, store } = await watched(t);
  const lower = tarOf(
    { name: ".", type: "directory", mode: 0o700 },
    { name: ".imgpkg", type: "directory", mode: 0o700 },
    { ...file(".imgpkg/images.yml", "wrong: lower\n"), mode: 0o600 },
    { name: "empty", type: "directory", mode: 0o700 },
    { ...file("both", "lower"), mode: 0o600 },
    { ...file("gone", "lower"), mode: 0o600 },
    { ...file("run", "lower"), mode: 0o700, mtime: 0 },
    { ...file("kept", "lower"), mode: 0o640 },
  );
  const upper = tarOf(
    { ...file(".imgpkg/images.yml", lockWith()), mode: 0o400 },
    { ...file("both", "upper"), mode: 0o600 },
    { name: ".wh.gone", text: "" },
  );
  await putImage(store("b"), [lower, upper], {
    labels: { "dev.carvel.imgpkg.bundle": "" },
    tag: "v1",
  });
  const { target } = await pull(t, `${host}/b:v1`);
  assert.deepEqual(
    treeOf(target).map((line) => line.replace(/ [0-9a-f]{16}$/, "")),
    [
      "dir 750 .imgpkg",
      "file 440 .imgpkg/images.yml",
      'file 640 both "upper"',
      "dir 750 empty",
      'file 640 kept "lower"',
      'file 750 run "lower"',
    ],
  );
  assert.equal(statSync(join(target, "run")).mtimeMs, 0);
  assert.equal(statSync(target).mode & 0o777, 0o750);
});

test("hostile bundles write nothing outside their folder", async (t) => {
  const { host, store } = await watched(t);
  const base = await tempDir(t);
  mkdirSync(join(base, "outside/.imgpkg"), { recursive: true });
  writeFileSync(join(base, "outside/.imgpkg/images.yml"), "untouched");
  const before = treeOf(join(base, "outside"), { times: true });
  const x = store("x");
  const app = await putApp(x);
  const inner = await putBundle(x, { images: [{ image: `${host}/x@${app}` }] });
  const lock = lockWith(`${host}/x@${inner.digest}`);
  const hostile = [
    [file("../evil", "x"), file(".imgpkg/images.yml", lock)],
    [file("/../../evil", "x"), file(".imgpkg/images.yml", lock)],
    [symlink(".imgpkg", join(base, "outside/.imgpkg")), file(".imgpkg/images.yml", lock)],
    [symlink(".imgpkg", "../outside/.imgpkg"), file("x", "x")],
    [file(".imgpkg/images.yml", lock), symlink(".imgpkg/bundles", "../../outside")],
    [file("lock", lock), symlink(".imgpkg/images.yml", "../../outside/.imgpkg/images.yml")],
  ];
  for (const [i, entries] of hostile.entries()) {
    await putImage(x, [tarOf(...entries)], { labels: { "dev.carvel.imgpkg.bundle": "true" }, tag: `v${i}` });
    await pull(t, `${host}/x:v${i}`, { recursive: true, target: join(base, "out") }).catch(
      (error: { code?: string }) => assert.match(String(error.code), /^ERR_LADING_(UNSAFE_PATH|DOCUMENT)$/),
    );
    assert.deepEqual(treeOf(join(base, "outside"), { times: true }), before);
    assert.deepEqual(
      readdirSync(base).filter((name) => name !== "out"),
      ["outside"],
    );
  }
});

test("what a bundle brings in the place of a nested one goes", async (t) => {
  const { host, store } = await watched(t);
  const x = store("x");
  const app = await putApp(x);
  const inner = await putBundle(x, { images: [{ image: `${host}/x@${app}` }] });
  const folder = nestedFolder(inner.digest);
  const entries = [
    file(".imgpkg/images.yml", lockWith(`${host}/x@${inner.digest}`)),
    file(`${folder}/forged`, "x"),
    file(`${folder}/.imgpkg/images.yml`, "forged"),
  ];
  await putImage(x, [tarOf(...entries)], { labels: { "dev.carvel.imgpkg.bundle": "true" }, tag: "v1" });
  const { target } = await pull(t, `${host}/x:v1`, { recursive: true });
  assert.deepEqual(readdirSync(join(target, folder)).sort(), [".imgpkg", "config.yml"]);
  assert.equal(lockIn(target, inner.digest), lockWith(`${host}/x@${app}`));
});

test("what is no bundle is refused before anything is unpacked", async (t) => {
  const { host, store, asked } = await watched(t);
  await putImage(store("x"), [tarOf(file("app"))], { tag: "v1" });
  await assert.rejects(pull(t, `${host}/x:v1`), {
    code: "ERR_LADING_USAGE",
    message: "Expected bundle image but found plain image",
    hint: "Did you use -i instead of -b?",
  });
  assert.deepEqual(asked(), ["GET x:v1", "GET x blob"]);
});
