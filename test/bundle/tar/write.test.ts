import assert from "node:assert/strict";
import {
  chmodSync,
  existsSync,
  lstatSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import test from "node:test";
import { stepsOf } from "../../../src/bundle/steps.ts";
import { openTar } from "../../../src/bundle/tar/open.ts";
import { prepareTar } from "../../../src/bundle/tar/prepare.ts";
import { planTar, type TarImage, writeTar } from "../../../src/bundle/tar/write.ts";
import { bodyOf } from "../../../src/bytes/body.ts";
import { isLadingError } from "../../../src/errors.ts";
import type { LadingEvent } from "../../../src/events.ts";
import { parseDigest } from "../../../src/spec/digest.ts";
import { mediaTypes } from "../../../src/spec/media-type.ts";
import { MemoryStore } from "../../../src/stores/memory.ts";
import { artifact, blob, image, index, node } from "../../support/content.ts";
import { assertHolds } from "../../support/same-content.ts";
import { observed } from "../../support/sample-bundle.ts";
import { tempDir } from "../../support/tmp.ts";
import { layersOf, nameOf, namesIn, noted, storeOf, tapped, tarImage } from "./tars.ts";

interface ObservedImage {
  readonly Refs: readonly string[];
  readonly Config: { readonly Raw: string };
  readonly Manifest: { readonly Raw: string; readonly MediaType: string };
  readonly Tag: string;
  readonly OrigRef: string;
  readonly Labels: Record<string, string> | null;
}

test("the manifest.json that imgpkg wrote comes out byte for byte", async () => {
  const bytes = await observed("to-tar-manifest.json");
  const store = new MemoryStore();
  const images: TarImage[] = [];
  for (const { Image } of JSON.parse(bytes.toString()) as { Image: ObservedImage }[]) {
    const config = node("blob", mediaTypes.dockerConfig, Buffer.from(Image.Config.Raw));
    const manifest = node("manifest", Image.Manifest.MediaType, Buffer.from(Image.Manifest.Raw));
    for (const each of [config, manifest]) await store.write(each, bodyOf(each.bytes));
    images.unshift({
      source: store,
      root: manifest.descriptor,
      refs: Image.Refs,
      tag: Image.Tag,
      origRef: Image.OrigRef,
      labels: Image.Labels ?? undefined,
    });
  }
  assert.equal((await prepareTar(images)).document.toString(), bytes.toString());
});

test("entries are manifest.json and each layer once, by digest, with imgpkg's headers, and two blocks end the tar", async (t) => {
  const path = join(await tempDir(t), "app.tar");
  const one = image({ seed: 1 });
  const two = image({ seed: 2, base: one.nodes, family: "docker" });
  const store = await storeOf(one, two);
  const umask = process.umask(0o027);
  t.after(() => process.umask(umask));
  const result = await writeTar(path, [tarImage(store, two), tarImage(store, one)]);
  const digests = [...new Set([...layersOf(one), ...layersOf(two)].map(({ digest }) => digest))].sort();
  assert.deepEqual(namesIn(path), ["manifest.json", ...digests.map(nameOf)]);
  assert.deepEqual([...result.entries.map(({ name }) => name)].sort(), namesIn(path).sort());
  assert.equal(statSync(path).mode & 0o777, 0o640);

  const bytes = readFileSync(path);
  assert.equal(bytes.length, result.size);
  assert.ok(bytes.subarray(-1024).every((byte) => byte === 0));
  assert.ok(!bytes.subarray(-1536, -1024).every((byte) => byte === 0));
  const { size } = result.layers[0] ?? { size: 0 };
  const documentBlocks = Math.ceil(Number.parseInt(bytes.toString("latin1", 124, 135), 8) / 512);
  for (const [at, name, length] of [
    [0, "manifest.json", undefined],
    [512 * (1 + documentBlocks), nameOf(parseDigest(digests[0])), size],
  ] as const) {
    const header = bytes.subarray(at, at + 512);
    assert.equal(header.toString("latin1", 0, 100), name.padEnd(100, "\0"));
    assert.equal(header.toString("latin1", 100, 124), "0000644\x000000000\x000000000\x00");
    if (length !== undefined) {
      assert.equal(header.toString("latin1", 124, 136), `${length.toString(8).padStart(11, "0")}\0`);
    }
    assert.equal(header.toString("latin1", 136, 148), "00000000000\0");
    assert.match(header.toString("latin1", 148, 157), /^[0-7]{6}\0 0$/);
    assert.equal(header.toString("latin1", 257, 265), "ustar\x0000");
    assert.equal(header.toString("latin1", 265, 329), "\0".repeat(64));
    assert.equal(header.toString("latin1", 329, 345), "0000000\x000000000\0");
  }
});

test("the same images give the same bytes, whatever their order and the concurrency", async (t) => {
  const folder = await tempDir(t);
  const contents = Array.from({ length: 6 }, (_, i) => image({ seed: i + 1, layerBytes: 20_000 * (i + 1) }));
  const store = await storeOf(...contents);
  const images = contents.map((content, i) => tarImage(store, content, { tag: `v${i}` }));
  const first = join(folder, "first.tar");
  await writeTar(first, images, { concurrency: 1 });
  for (const concurrency of [2, 16]) {
    const other = join(folder, "other.tar");
    await writeTar(other, [...images].reverse(), { concurrency });
    assert.ok(readFileSync(other).equals(readFileSync(first)), `${concurrency}`);
  }
});

test("layers of 8 GiB and more have the header that Go writes", async () => {
  const size = 9 * 1024 ** 3;
  const layer = { ...blob(10).descriptor, mediaType: mediaTypes.ociLayer, size };
  const config = node("blob", mediaTypes.ociConfig, Buffer.from("{}"));
  const document = { schemaVersion: 2, config: config.descriptor, layers: [layer, blob(20).descriptor] };
  const root = node("manifest", mediaTypes.ociManifest, Buffer.from(JSON.stringify(document)));
  const content = { root: root.descriptor, nodes: [config, root] };
  const { blobs, endAt } = await prepareTar([tarImage(await storeOf(content), content)]);
  const place = blobs.find(({ descriptor }) => descriptor.size === size)?.place;
  assert.equal(place?.header.byteLength, 3 * 512);
  assert.match(Buffer.from(place?.header ?? []).toString("latin1", 512, 1024), /^19 size=9663676416\n\0/);
  assert.equal(endAt % 512, 0);
  assert.ok(endAt > size);
});

test("the biggest layers go first, and no more at once than asked for", async (t) => {
  const path = join(await tempDir(t), "app.tar");
  const content = artifact({ blobs: [10, 40_000, 300, 20_000, 5].map((size, i) => blob(size, i + 1)) });
  let running = 0;
  let most = 0;
  const opened: number[] = [];
  const store = tapped(await storeOf(content), (body) => ({
    size: body.size,
    open: async (from) => {
      if (body.size <= 2 || body.size === content.root.size) return body.open(from);
      opened.push(body.size);
      most = Math.max(most, ++running);
      const stream = await body.open(from);
      return (async function* () {
        await new Promise((resolve) => setTimeout(resolve, 5));
        yield* stream;
        running--;
      })();
    },
  }));
  await writeTar(path, [tarImage(store, content)], { concurrency: 2 });
  assert.deepEqual(opened, [40_000, 20_000, 300, 10, 5]);
  assert.equal(most, 2);
});

test("an index has its images with it; all have its tag, origin and labels, and each its own reference", async (t) => {
  const path = join(await tempDir(t), "app.tar");
  const arm = image({ seed: 2, platform: { os: "linux", architecture: "arm64" } });
  const inner = index([arm]);
  const content = index([image({ seed: 1 }), inner]);
  const { source, reads } = noted(await storeOf(content));
  const labels = { b: "<2>", a: "1" };
  await writeTar(path, [tarImage(source, content, { tag: "v1", origRef: "origin.example/app", labels })]);
  for (const { descriptor } of content.nodes) {
    assert.equal(reads.filter(({ digest }) => digest === descriptor.digest).length, 1);
  }
  const document = readFileSync(path).subarray(512);
  const [{ ImageIndex, Image }] = JSON.parse(document.toString("utf8", 0, document.indexOf(0)));
  assert.equal(Image, null);
  assert.deepEqual(Object.keys(ImageIndex), [
    ...["Refs", "Images", "Indexes", "MediaType", "Digest", "Raw", "Tag", "OrigRef", "Labels"],
  ]);
  assert.deepEqual(Object.keys(ImageIndex.Images[0]), [
    ...["Refs", "Layers", "Config", "Manifest", "Tag", "OrigRef", "Labels"],
  ]);
  assert.equal(ImageIndex.Images.length, 1);
  assert.equal(ImageIndex.Indexes[0].Indexes, null);
  const [deepest] = ImageIndex.Indexes[0].Images;
  assert.deepEqual(deepest.Refs, [`registry.example/app@${arm.root.digest}`]);
  for (const each of [ImageIndex, ImageIndex.Images[0], ImageIndex.Indexes[0], deepest]) {
    assert.deepEqual([each.Tag, each.OrigRef, each.Labels], ["v1", "origin.example/app", labels]);
  }
  assert.ok(document.includes('"Labels":{"a":"1","b":"\\u003c2\\u003e"}'));
  const tar = await openTar(path);
  await assertHolds(tar, content);
  await tar[Symbol.asyncDispose]();
});

test("of an index only some images go along where that is asked for, for each root its own", async (t) => {
  const path = join(await tempDir(t), "app.tar");
  const [amd, arm] = [
    image({ seed: 1 }),
    image({ seed: 2, platform: { os: "linux", architecture: "arm64" } }),
  ];
  const content = index([amd, arm]);
  const { source, reads } = noted(await storeOf(content));
  const some = (one: typeof amd) => ({ manifests: new Set([one.root.digest]) });
  await writeTar(path, [tarImage(source, content, some(amd))]);
  assert.ok(!reads.some(({ digest }) => digest === arm.root.digest));
  const tar = await openTar(path);
  assert.equal(await tar.has({ kind: "manifest", descriptor: amd.root }), true);
  assert.equal(await tar.has({ kind: "manifest", descriptor: arm.root }), false);
  await assertHolds(tar, amd);
  await tar[Symbol.asyncDispose]();

  await writeTar(path, [tarImage(source, content, some(amd)), tarImage(source, content, some(arm))]);
  const both = await openTar(path);
  await assertHolds(both, content);
  await both[Symbol.asyncDispose]();
});

test("what is no layer of a file system passes unchanged, with no diffID", async (t) => {
  const path = join(await tempDir(t), "chart.tar");
  const chart = node("blob", "application/vnd.cncf.helm.chart.content.v1.tar+gzip", blob(5000).bytes);
  const config = node("blob", "application/vnd.cncf.helm.config.v1+json", Buffer.from('{"name":"chart"}'));
  const manifest = node(
    "manifest",
    mediaTypes.ociManifest,
    Buffer.from(
      JSON.stringify({
        schemaVersion: 2,
        config: config.descriptor,
        layers: [chart.descriptor],
        annotations: { "org.example/a&b": "<\u2028>" },
      }),
    ),
  );
  const content = { root: manifest.descriptor, nodes: [chart, config, manifest] };
  const { document } = await prepareTar([tarImage(await storeOf(content), content)]);
  assert.deepEqual(JSON.parse(document.toString())[0].Image.Layers, [
    { MediaType: chart.descriptor.mediaType, Digest: chart.descriptor.digest, DiffID: "", Size: 5000 },
  ]);
  await writeTar(path, [tarImage(await storeOf(content), content)]);
  const tar = await openTar(path);
  await assertHolds(tar, content);
  assert.equal(tar.roots[0]?.descriptor.mediaType, mediaTypes.ociManifest);
  await tar[Symbol.asyncDispose]();
});

test("no images make a tar, too", async (t) => {
  const path = join(await tempDir(t), "none.tar");
  const result = await writeTar(path, []);
  assert.deepEqual(namesIn(path), ["manifest.json"]);
  assert.equal(result.size, 512 + 512 + 1024);
  const tar = await openTar(path);
  assert.deepEqual(tar.roots, []);
  await tar[Symbol.asyncDispose]();
});

test("2,000 images", async (t) => {
  const path = join(await tempDir(t), "many.tar");
  const contents = Array.from({ length: 2000 }, (_, i) => image({ seed: i + 1, layers: 1, layerBytes: 10 }));
  const store = await storeOf(...contents);
  const images = contents.map((content, i) => tarImage(store, content, { tag: `v${i}` }));
  await writeTar(path, images);
  const tar = await openTar(path);
  assert.equal(tar.roots.length, 2000);
  for (const content of contents) await assertHolds(tar, content);
  assert.equal((await tar.resolve("v1999")).digest, contents[1999]?.root.digest);
  await tar[Symbol.asyncDispose]();
});

test("layers that need not be distributed stay away unless asked for, and are told of", async (t) => {
  const path = join(await tempDir(t), "app.tar");
  const plain = image({ seed: 1 });
  const foreign = image({ seed: 2, foreign: true });
  const [absent] = foreign.absent ?? [];
  assert.ok(absent !== undefined);
  const store = await storeOf(plain, foreign);
  const images = [tarImage(store, plain), tarImage(store, index([foreign])), tarImage(store, foreign)];
  await storeInto(store, index([foreign]));
  const told = [{ image: `registry.example/app@${foreign.root.digest}`, layers: [absent.digest] }];
  const result = await writeTar(path, images);
  assert.deepEqual(result.nonDistributable, told);
  assert.ok(!namesIn(path).includes(nameOf(absent.digest)));
  const tar = await openTar(path);
  assert.equal(await tar.has({ kind: "blob", descriptor: absent }), false);
  await tar[Symbol.asyncDispose]();

  const plan = await planTar(images, { nonDistributable: true });
  assert.deepEqual(plan.nonDistributable, told);
  assert.ok(plan.layers.some(({ digest }) => digest === absent.digest));
  await assert.rejects(writeTar(path, images, { nonDistributable: true }), (error) => {
    assert.ok(isLadingError(error));
    assert.equal(error.message, `the non-distributable layer ${absent.digest} is not there`);
    assert.match(error.hint ?? "", /where its urls point/);
    return true;
  });
  assert.deepEqual(
    (await planTar([tarImage(store, plain)], { nonDistributable: true })).nonDistributable,
    [],
  );
});

test("layers that the receiver has are left out, and the reader knows", async (t) => {
  const path = join(await tempDir(t), "app.tar");
  const content = image({ layers: 3 });
  const store = await storeOf(content);
  const [first, ...others] = layersOf(content);
  assert.ok(first !== undefined);
  let asked = 0;
  const leaveOut = async ({ digest }: { digest: string }) => {
    asked++;
    return digest === first.digest;
  };
  const images = [tarImage(store, content), tarImage(store, content, { tag: "v2" })];
  const plan = await planTar(images, { leaveOut });
  assert.equal(asked, 3);
  const result = await writeTar(path, images, { leaveOut });
  assert.equal(result.size, plan.size);
  assert.deepEqual(
    plan.leftOut.map(({ digest }) => digest),
    [first.digest],
  );
  assert.deepEqual(namesIn(path), ["manifest.json", ...others.map(({ digest }) => nameOf(digest)).sort()]);
  const tar = await openTar(path);
  assert.deepEqual([...tar.leftOut], [first.digest]);
  const left = content.nodes.find(({ descriptor }) => descriptor.digest === first.digest);
  assert.ok(left !== undefined);
  assert.equal(await tar.has(left), false);
  await assert.rejects(tar.body(left).open({ offset: 0 }), /was left out of the tar/);
  for (const each of content.nodes) assert.equal(await tar.has(each), each !== left);
  await tar[Symbol.asyncDispose]();
});

test("the plan has the sizes of the tar", async (t) => {
  const path = join(await tempDir(t), "app.tar");
  const content = index([image({ seed: 1 }), image({ seed: 2 })]);
  const store = await storeOf(content);
  const plan = await planTar([tarImage(store, content)], { previous: path });
  assert.equal(existsSync(path), false);
  const { entries: _, ...result } = await writeTar(path, [tarImage(store, content)]);
  assert.deepEqual(plan, result);
  assert.equal(statSync(path).size, plan.size);
  const again = await planTar([tarImage(store, content)], { previous: path });
  assert.deepEqual(again.reused, again.layers);
});

test("a layer of which the bytes are wrong is taken from the next source that has it", async (t) => {
  const path = join(await tempDir(t), "app.tar");
  const content = image();
  const store = await storeOf(content);
  const [first] = layersOf(content);
  const wrong = tapped(store, (body, digest) =>
    digest === first?.digest ? bodyOf(Buffer.alloc(body.size)) : body,
  );
  await assert.rejects(writeTar(path, [tarImage(wrong, content)]), (error) => {
    assert.ok(isLadingError(error));
    assert.equal(error.code, "ERR_LADING_DIGEST_MISMATCH");
    assert.deepEqual(stepsOf(error), ["Filling in a layer"]);
    return true;
  });
  assert.deepEqual(readdirSync(join(path, "..")), []);
  await writeTar(path, [tarImage(wrong, content), tarImage(store, content, { tag: "v2" })]);
  const tar = await openTar(path);
  await assertHolds(tar, content);
  await tar[Symbol.asyncDispose]();
});

test("a failure leaves the tar of that name as it was", async (t) => {
  const path = join(await tempDir(t), "app.tar");
  writeFileSync(path, "what was there");
  chmodSync(path, 0o600);
  const content = image();
  const store = tapped(await storeOf(content), (body, digest) => ({
    size: body.size,
    open: async (from) => {
      if (digest === layersOf(content)[1]?.digest) throw new Error("the source went away");
      return body.open(from);
    },
  }));
  await assert.rejects(writeTar(path, [tarImage(store, content)]), /the source went away/);
  assert.equal(readFileSync(path, "utf8"), "what was there");
  assert.deepEqual(readdirSync(join(path, "..")), ["app.tar"]);
});

test("a link at the path stays, and the tar is where it leads", async (t) => {
  const folder = await tempDir(t);
  writeFileSync(join(folder, "real.tar"), "");
  symlinkSync("real.tar", join(folder, "link.tar"));
  const content = image();
  await writeTar(join(folder, "link.tar"), [tarImage(await storeOf(content), content)]);
  assert.ok(lstatSync(join(folder, "link.tar")).isSymbolicLink());
  assert.equal(namesIn(join(folder, "real.tar")).length, 3);
});

test("a manifest that is not there is told of as imgpkg does, with the steps that led to it", async (t) => {
  const path = join(await tempDir(t), "app.tar");
  const content = image();
  await assert.rejects(writeTar(path, [tarImage(new MemoryStore(), content)]), (error) => {
    assert.ok(isLadingError(error));
    assert.match(
      error.message,
      /^Encountered an error most likely .* is supported \(underlying error: .+\)$/,
    );
    assert.deepEqual(stepsOf(error), [
      "Collecting packaging metadata",
      `Working with registry.example/app@${content.root.digest}`,
    ]);
    return true;
  });
});

test("a config that is no text is refused", async () => {
  const config = node("blob", "application/vnd.example", Buffer.from([0xff, 0x00]));
  const document = { schemaVersion: 2, config: config.descriptor, layers: [] };
  const manifest = node("manifest", mediaTypes.ociManifest, Buffer.from(JSON.stringify(document)));
  const content = { root: manifest.descriptor, nodes: [config, manifest] };
  await assert.rejects(planTar([tarImage(await storeOf(content), content)]), /is not text/);
});

test("an index that lists one image without end is refused, not written out", async () => {
  const big = image({ annotations: { filler: "x".repeat(100_000) } });
  const document = {
    schemaVersion: 2,
    mediaType: mediaTypes.ociIndex,
    manifests: Array.from({ length: 1000 }, () => big.root),
  };
  const root = node("manifest", mediaTypes.ociIndex, Buffer.from(JSON.stringify(document)));
  const content = { root: root.descriptor, nodes: [...big.nodes, root] };
  await assert.rejects(planTar([tarImage(await storeOf(content), content)]), (error) => {
    assert.ok(isLadingError(error));
    assert.equal(error.code, "ERR_LADING_LIMIT");
    return true;
  });
});

test("events tell of every byte", async (t) => {
  const path = join(await tempDir(t), "app.tar");
  const content = image({ layerBytes: 100_000 });
  const events: LadingEvent[] = [];
  await writeTar(path, [tarImage(await storeOf(content), content)], { on: (event) => events.push(event) });
  const total = layersOf(content).reduce((sum, { bytes }) => sum + bytes.length, 0);
  assert.deepEqual(events[0], { type: "planned", nodes: 2, bytes: total, presentBytes: 0 });
  const sum = events.reduce((all, event) => all + (event.type === "progress" ? event.bytes : 0), 0);
  assert.equal(sum, total);
  assert.equal(events.filter(({ type }) => type === "finished").length, 2);
});

async function storeInto(
  store: MemoryStore,
  content: { readonly nodes: readonly ReturnType<typeof node>[] },
) {
  for (const each of content.nodes) await store.write(each, bodyOf(each.bytes));
}
