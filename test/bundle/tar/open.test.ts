import assert from "node:assert/strict";
import { createReadStream, createWriteStream, readFileSync, truncateSync, writeFileSync } from "node:fs";
import { open } from "node:fs/promises";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import test, { type TestContext } from "node:test";
import { createGzip } from "node:zlib";
import { type BundleTar, isImgpkgTar, openTar, rootBundleLabel } from "../../../src/bundle/tar/open.ts";
import { prepareTar } from "../../../src/bundle/tar/prepare.ts";
import { writeTar } from "../../../src/bundle/tar/write.ts";
import { collect } from "../../../src/bytes/collect.ts";
import { type ErrorCode, isLadingError } from "../../../src/errors.ts";
import { createDockerArchive, createOciArchive } from "../../../src/stores/archive/archive-writer.ts";
import { artifact, image, index, writeContent } from "../../support/content.ts";
import { assertHolds, assertNamed } from "../../support/same-content.ts";
import { observed } from "../../support/sample-bundle.ts";
import { type EntrySpec, tarOf } from "../../support/tar.ts";
import { tempDir } from "../../support/tmp.ts";
import { layersOf, nameOf, storeOf, tarImage } from "./tars.ts";

const app = image({ seed: 3, layers: 3 });
const layers = layersOf(app).map(({ digest, bytes }) => ({ name: nameOf(digest), data: bytes }));

async function documentOf(content = app): Promise<Buffer> {
  return (await prepareTar([tarImage(await storeOf(content), content)])).document;
}

/** A tar of these entries, opened. */
async function opened(t: TestContext, ...entries: readonly EntrySpec[]): Promise<BundleTar> {
  const path = join(await tempDir(t), "app.tar");
  writeFileSync(path, tarOf(...entries));
  const tar = await openTar(path);
  t.after(() => tar[Symbol.asyncDispose]());
  return tar;
}

async function fails(code: ErrorCode, message: RegExp, work: () => Promise<unknown>): Promise<void> {
  await assert.rejects(work, (error) => {
    assert.ok(isLadingError(error), String(error));
    assert.deepEqual([error.code, message.test(error.message)], [code, true], error.message);
    return true;
  });
}

test("roots come in the recorded order, with all that is recorded", async (t) => {
  const tar = await opened(t, { name: "manifest.json", data: await observed("to-tar-manifest.json") });
  assert.equal(tar.roots.length, 3);
  const [bundle, simple] = tar.roots;
  assert.equal(bundle?.descriptor.digest.slice(0, 11), "sha256:2048");
  assert.deepEqual(bundle?.labels?.[rootBundleLabel], "");
  assert.equal(bundle?.tag, "v1");
  assert.equal(bundle?.isIndex, false);
  assert.deepEqual(bundle?.refs, [bundle?.origRef]);
  assert.deepEqual([simple?.tag, simple?.labels], ["", undefined]);
  assert.deepEqual(await tar.resolve("v1"), bundle?.descriptor);
  assert.deepEqual(await tar.resolve(String(simple?.descriptor.digest)), simple?.descriptor);
  await fails("ERR_LADING_NOT_FOUND", /"v2" is not in/, () => tar.resolve("v2"));
  await fails("ERR_LADING_REFERENCE", /an image is one of 3/, () => tar.resolve(""));
});

test("tars of old have no tags, labels and origins", async (t) => {
  const document = JSON.parse((await documentOf()).toString());
  for (const key of ["Tag", "OrigRef", "Labels"]) delete document[0].Image[key];
  const tar = await opened(t, { name: "manifest.json", data: JSON.stringify(document) }, ...layers);
  assert.deepEqual([tar.roots[0]?.tag, tar.roots[0]?.origRef, tar.roots[0]?.labels], ["", "", undefined]);
  await assertHolds(tar, app);
});

test("layers in any order and repeated, folders, links out of the tar and other files do no harm", async (t) => {
  const tar = await opened(
    t,
    ...[...layers].reverse(),
    { name: "sub", type: "directory" },
    { name: "../evil", data: "x" },
    { name: "link", type: "symlink", linkName: "/etc/passwd" },
    { name: "manifest.json", data: await documentOf() },
    ...layers.slice(0, 1),
  );
  await assertHolds(tar, app);
});

test("a tag that stands for two images names none of them", async (t) => {
  const other = image({ seed: 4 });
  const store = await storeOf(app, other);
  const images = [app, other, app].map((each, i) => tarImage(store, each, { tag: i < 2 ? "both" : "one" }));
  const { document } = await prepareTar(images);
  const tar = await opened(t, { name: "manifest.json", data: document });
  assert.equal((await tar.resolve("one")).digest, app.root.digest);
  await fails("ERR_LADING_REFERENCE", /"both" is one of 2/, () => tar.resolve("both"));
  const tags: string[] = [];
  for await (const tag of tar.tags()) tags.push(tag);
  assert.deepEqual(tags, ["one"]);
});

test("referrers are found by their subject", async (t) => {
  const signature = artifact({ subject: app.root, artifactType: "application/vnd.example.sig" });
  const store = await storeOf(app, signature);
  const { document } = await prepareTar([tarImage(store, app), tarImage(store, signature)]);
  const tar = await opened(t, { name: "manifest.json", data: document });
  const found = [];
  for await (const each of tar.referrers(app.root.digest)) found.push(each);
  assert.deepEqual(found, [{ ...signature.root, artifactType: "application/vnd.example.sig" }]);
});

test("bodies open again at any offset", async (t) => {
  const tar = await opened(t, { name: "manifest.json", data: await documentOf() }, ...layers);
  for (const each of app.nodes) {
    const body = tar.body(each);
    for (const offset of [0, 7, each.bytes.length]) {
      const read = await collect(await body.open({ offset }), each.bytes.length, "body");
      assert.ok(read.equals(each.bytes.subarray(offset)));
    }
  }
});

test("a tar that was compressed is read", async (t) => {
  const folder = await tempDir(t);
  const path = join(folder, "app.tar");
  await writeTar(path, [tarImage(await storeOf(app), app, { tag: "v1" })]);
  await pipeline(createReadStream(path), createGzip(), createWriteStream(`${path}.gz`));
  assert.equal(await isImgpkgTar(`${path}.gz`), true);
  const tar = await openTar(`${path}.gz`);
  await assertNamed(tar, "v1", app);
  await tar[Symbol.asyncDispose]();
});

test("archives of other kinds are told apart", async (t) => {
  const folder = await tempDir(t);
  const paths = ["oci", "docker", "imgpkg", "empty", "other"].map((name) => join(folder, `${name}.tar`));
  const [oci = "", docker = "", imgpkg = "", empty = "", other = ""] = paths;
  for (const sink of [await createOciArchive(oci), await createDockerArchive(docker)]) {
    await writeContent(sink, app, "v1");
    await sink.commit();
  }
  await writeTar(imgpkg, [tarImage(await storeOf(app), app)]);
  await writeTar(empty, []);
  writeFileSync(other, tarOf({ name: "file", data: "x" }));
  const old = [{ Config: "x.json", RepoTags: null, Layers: [] }];
  writeFileSync(join(folder, "old.tar"), tarOf({ name: "manifest.json", data: JSON.stringify(old) }));
  const found = await Promise.all([...paths, join(folder, "old.tar")].map((path) => isImgpkgTar(path)));
  assert.deepEqual(found, [false, false, true, true, false, false]);
  await fails("ERR_LADING_DOCUMENT", /either an Image or an ImageIndex/, () => openTar(docker));
  await fails("ERR_LADING_ARCHIVE", /has no manifest.json/, () => openTar(other));
  await fails("ERR_LADING_NOT_FOUND", /is not there/, () => openTar(join(folder, "absent.tar")));
});

test("a layer that the tar lacks is missed in imgpkg's words", async (t) => {
  const tar = await opened(t, { name: "manifest.json", data: await documentOf() }, ...layers.slice(1));
  const lacking = app.nodes.find(({ descriptor }) => nameOf(descriptor.digest) === layers[0]?.name);
  assert.ok(lacking !== undefined);
  assert.equal(await tar.has(lacking), false);
  await assert.rejects(tar.body(lacking).open({ offset: 0 }), (error) => {
    assert.ok(isLadingError(error));
    assert.equal(error.message, `file ${layers[0]?.name} not found in tar`);
    assert.match(error.hint ?? "", /^This may be because .*--include-non-distributable-layers flag/);
    return true;
  });
});

test("a layer of another size is not there, and its own bytes are what is read", async (t) => {
  const document = { name: "manifest.json", data: await documentOf() };
  const [first, ...others] = layers;
  const tar = await opened(t, document, { name: first?.name ?? "", data: "short" }, ...others);
  const damaged = app.nodes.find(({ descriptor }) => nameOf(descriptor.digest) === first?.name);
  assert.ok(damaged !== undefined);
  assert.equal(await tar.has(damaged), false);
  assert.equal(String(await collect(await tar.body(damaged).open({ offset: 0 }), 10, "body")), "short");
});

test("a tar that was cut short is refused", async (t) => {
  const path = join(await tempDir(t), "app.tar");
  await writeTar(path, [tarImage(await storeOf(app), app)]);
  const { length } = readFileSync(path);
  truncateSync(path, length - 2048);
  await fails("ERR_LADING_ARCHIVE", /./, () => openTar(path));
  truncateSync(path, 700);
  await fails("ERR_LADING_ARCHIVE", /./, () => openTar(path));
  truncateSync(path, 0);
  await fails("ERR_LADING_ARCHIVE", /./, () => openTar(path));
});

const change = async (edit: (text: string) => string) => ({
  name: "manifest.json",
  data: edit((await documentOf()).toString()),
});

test("bytes that are not what their digest says are refused", async (t) => {
  for (const edit of [
    (text: string) => text.replace('\\"os\\":\\"linux\\"', '\\"os\\":\\"Linux\\"'),
    (text: string) => text.replace('{\\"schemaVersion', '{ \\"schemaVersion'),
    (text: string) => text.replace("linux", "\\ud800nux"),
  ]) {
    const document = await change(edit);
    assert.notEqual(document.data, (await documentOf()).toString());
    await assert.rejects(opened(t, document, ...layers), (error) => {
      assert.ok(isLadingError(error));
      assert.match(error.code, /ERR_LADING_(DIGEST|SIZE)_MISMATCH/);
      assert.match(error.place ?? "", /app\.tar, manifest\.json\[0\]\.Image\.(Config|Manifest)/);
      return true;
    });
  }
});

test("documents that contradict themselves are refused", async (t) => {
  const other = JSON.parse((await documentOf(image({ seed: 9 }))).toString())[0].Image;
  const own = JSON.parse((await documentOf()).toString())[0].Image;
  const list = JSON.parse((await documentOf(index([app]))).toString())[0].ImageIndex;
  const cases: readonly [ErrorCode, RegExp, unknown][] = [
    [
      "ERR_LADING_DOCUMENT",
      /Config is sha256:.*, its manifest has sha256:/,
      { Image: { ...own, Config: other.Config } },
    ],
    ["ERR_LADING_DOCUMENT", /either an Image or an ImageIndex/, { Image: own, ImageIndex: list }],
    ["ERR_LADING_DOCUMENT", /either an Image or an ImageIndex/, { Image: null, ImageIndex: null }],
    ["ERR_LADING_DOCUMENT", /should be an index/, { ImageIndex: { ...list, ...own.Manifest } }],
    [
      "ERR_LADING_DOCUMENT",
      /offered as/,
      { Image: { ...own, Manifest: { ...own.Manifest, MediaType: "text/plain" } } },
    ],
    [
      "ERR_LADING_DOCUMENT",
      /Digest is not a digest/,
      { Image: { ...own, Config: { ...own.Config, Digest: "../../x" } } },
    ],
    ["ERR_LADING_DOCUMENT", /Refs should be a list/, { Image: { ...own, Refs: "x" } }],
    ["ERR_LADING_DOCUMENT", /should be an object/, []],
  ];
  for (const [code, message, element] of cases) {
    const data = JSON.stringify([element]);
    await fails(code, message, () => opened(t, { name: "manifest.json", data }));
  }
  for (const data of ["", "{}", "[", '{"list":[]}']) {
    await fails("ERR_LADING_DOCUMENT", /./, () => opened(t, { name: "manifest.json", data }));
  }
});

test("indexes without end are refused", async (t) => {
  let record = JSON.parse((await documentOf(index([app]))).toString())[0].ImageIndex;
  for (let depth = 0; depth < 12; depth++) record = { ...record, Indexes: [record] };
  const data = JSON.stringify([{ Image: null, ImageIndex: record }]);
  await fails("ERR_LADING_LIMIT", /nested deeper/, () => opened(t, { name: "manifest.json", data }));
});

test("two manifest.json are refused: programs would read one or the other", async (t) => {
  const document = { name: "manifest.json", data: await documentOf() };
  await fails("ERR_LADING_ARCHIVE", /more than one manifest.json/, () =>
    opened(t, document, ...layers, { ...document, name: "./manifest.json" }),
  );
});

test("a manifest.json of 100 MB is refused without being read whole", async (t) => {
  const path = join(await tempDir(t), "app.tar");
  const size = 100_000_000;
  const head = tarOf({ name: "manifest.json", size }).subarray(0, 512);
  const file = await open(path, "w");
  await file.write(head);
  // A hole: it takes no space.
  await file.truncate(512 + Math.ceil(size / 512) * 512 + 1024);
  await file.close();
  await fails("ERR_LADING_LIMIT", /manifest\.json .*is larger than/, () => openTar(path));
});

test("a tar of entries without end is refused", async (t) => {
  const path = join(await tempDir(t), "app.tar");
  const entry = tarOf({ name: "0000000" }).subarray(0, 512);
  const sum = Number.parseInt(entry.toString("latin1", 148, 154), 8) - 7 * 0x30;
  const many = 200_001;
  const bytes = Buffer.alloc(512 * (many + 2));
  for (let i = 0; i < many; i++) {
    const name = String(i).padStart(7, "0");
    entry.write(name, 0, "latin1");
    const digits = [...name].reduce((total, digit) => total + digit.charCodeAt(0), 0);
    entry.write((sum + digits).toString(8).padStart(6, "0"), 148, "latin1");
    bytes.set(entry, 512 * i);
  }
  writeFileSync(path, bytes);
  await fails("ERR_LADING_LIMIT", /more than 200000 entries/, () => openTar(path));
});
