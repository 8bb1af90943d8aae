/** Copies into tars and out of them. */
import assert from "node:assert/strict";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import test, { type TestContext } from "node:test";
import { cosignKinds } from "../../../src/bundle/artifacts/cosign.ts";
import { type ExportOptions, exportToTar, planExport } from "../../../src/bundle/copy/export.ts";
import { gatherBundle } from "../../../src/bundle/copy/gather-bundle.ts";
import { gatherTar } from "../../../src/bundle/copy/gather-tar.ts";
import { lockOutput } from "../../../src/bundle/copy/lock-output.ts";
import type { CopySet, GatherOptions } from "../../../src/bundle/copy/model.ts";
import { type RelocateOptions, type Relocation, relocate } from "../../../src/bundle/copy/relocate.ts";
import { openTar } from "../../../src/bundle/tar/open.ts";
import { isLadingError } from "../../../src/errors.ts";
import { mediaTypes } from "../../../src/spec/media-type.ts";
import { parseReference } from "../../../src/spec/reference.ts";
import { createRegistryClient } from "../../../src/stores/registry/client.ts";
import { artifact, blob, image, index, node } from "../../support/content.ts";
import { startFaultProxy } from "../../support/fault-proxy.ts";
import { startRegistry } from "../../support/registry.ts";
import { dashed, Yard } from "./yard.ts";

const nothing = { nodes: 0, bytes: 0 };

/** What `copy -b` takes along. */
async function gathered(yard: Yard, reference: string, options: GatherOptions = {}): Promise<CopySet> {
  const named = parseReference(reference);
  const source = yard.at(reference);
  const tag = named.tag === undefined ? {} : { tag: named.tag };
  const repositories = { open: async (location: typeof named) => yard.client.repository(location) };
  return gatherBundle({ reference: named, source, ...tag }, repositories as never, options);
}

async function exported(
  yard: Yard,
  reference: string,
  file: string,
  options: ExportOptions & GatherOptions = {},
): Promise<string> {
  const path = join(yard.dir, file);
  await exportToTar(await gathered(yard, reference, options), path, options);
  return path;
}

/** Imports with a client of its own; gives the lock, too. */
async function imported(
  yard: Yard,
  path: string,
  to: string,
  options: Partial<RelocateOptions & GatherOptions> = {},
): Promise<Relocation & { readonly set: CopySet }> {
  await using client = createRegistryClient({ retry: { attempts: 1 } });
  await using tar = await openTar(path);
  const store = client.repository(parseReference(to));
  const set = await gatherTar(tar, store, { open: async (location) => client.repository(location) }, options);
  return { ...(await relocate(set, store, { tempDir: yard.dir, ...options })), set };
}

async function scene(t: TestContext) {
  const [from, to] = [await startRegistry(t), await startRegistry(t)];
  const yard = await Yard.open(t);
  const app = await yard.image(`${from.host}/simple-app`, 1);
  const nested = await yard.bundle(`${from.host}/nested-bundle`, [app]);
  const outer = await yard.bundle(`${from.host}/outer-bundle`, [nested, app]);
  return { yard, from: from.host, to: to.host, server: from.server, app, nested, outer };
}

test("a bundle with all of cosign's artifacts goes through a tar, without its origin", async (t) => {
  const { yard, from, to, server, app, nested, outer } = await scene(t);
  const kept = [
    await yard.cosign(outer, "sig", 11),
    await yard.cosign(app, "sig", 12),
    await yard.cosign(app, "att", 13),
    await yard.cosign(app, "sbom", 14),
  ];
  const path = await exported(yard, `${from}/outer-bundle:v1`, "b.tar", { cosign: cosignKinds });
  await server.close({ graceMs: 0 });
  const first = await imported(yard, path, `${to}/x`);
  const locations = first.locations.map(({ root }) => root.digest);
  const expected = [
    "v1",
    ...[outer, nested, app, ...kept, ...locations].map((each) => `${dashed(each)}.imgpkg`),
    `${dashed(outer)}.sig`,
    ...["sig", "att", "sbom"].map((kind) => `${dashed(app)}.${kind}`),
    `${dashed(outer)}.image-locations.imgpkg`,
    `${dashed(nested)}.image-locations.imgpkg`,
  ].sort();
  assert.deepEqual(await yard.tags(`${to}/x`), expected);
  assert.deepEqual(first.images.map(({ image: { kind } }) => kind).sort(), [
    "att",
    "bundle",
    "bundle",
    "image",
    "sbom",
    "sig",
    "sig",
  ]);
  assert.equal(
    lockOutput(first.set, { registry: to, repository: "x" }),
    `---\napiVersion: imgpkg.carvel.dev/v1alpha1\nbundle:\n  image: ${outer.replace(`${from}/outer-bundle`, `${to}/x`)}\n  tag: v1\nkind: BundleLock\n`,
  );
  const second = await imported(yard, path, `${to}/x`);
  assert.deepEqual([second.moved, second.mounted], [nothing, nothing]);
  assert.deepEqual(
    second.locations.map(({ root }) => root.digest),
    locations,
  );
  // From there into a tar again: the same four images.
  const again = await gathered(yard, `${to}/x:v1`);
  assert.deepEqual(
    again.images.map(({ root }) => root.digest).sort(),
    [outer, nested, app].map((each) => each.split("@")[1]).sort(),
  );
});

test("a tar imported where it came from: blobs are mounted, not uploaded", async (t) => {
  const { yard, from } = await scene(t);
  const path = await exported(yard, `${from}/outer-bundle:v1`, "b.tar");
  const done = await imported(yard, path, `${from}/elsewhere`);
  assert.ok(done.mounted.nodes >= 5);
  const blobs = done.images.flatMap(({ moved }) => moved.bytes).reduce((a, b) => a + b);
  assert.ok(blobs < 2500, "only manifests were moved");
});

test("a differential tar leaves out what its receiver has", async (t) => {
  const { yard, from, to } = await scene(t);
  const old = await exported(yard, `${from}/outer-bundle:v1`, "old.tar");
  await imported(yard, old, `${to}/x`);
  const fresh = await yard.image(`${from}/fresh`, 2);
  const next = await yard.bundle(
    `${from}/outer-bundle`,
    [`${from}/nested-bundle@${(await yard.at(`${from}/nested-bundle`).resolve("v1")).digest}`, fresh],
    "v2",
  );
  await using since = await openTar(old);
  const options = { since: [since] };
  const set = await gathered(yard, `${from}/outer-bundle:v2`);
  const planned = await planExport(set, join(yard.dir, "new.tar"), options);
  assert.deepEqual([planned.layers.length, planned.leftOut.length], [2, 2]);
  const byTar = await exported(yard, `${from}/outer-bundle:v2`, "new.tar", options);
  // The same by asking the receiver's repository.
  const known = await planExport(set, join(yard.dir, "new.tar"), { known: [yard.at(`${to}/x`)] });
  assert.deepEqual(known.leftOut, planned.leftOut);

  const done = await imported(yard, byTar, `${to}/x`);
  assert.deepEqual(
    done.locations.map(({ bundle }) => bundle).sort(),
    [next, await bundleOf(yard, `${from}/nested-bundle`)].map((each) => each.split("@").at(-1)).sort(),
  );
  assert.ok((await yard.tags(`${to}/x`)).includes("v2"));

  // A chain: what the second tar left out is known to who has imported it.
  await using chain = await openTar(byTar);
  const third = await planExport(set, join(yard.dir, "third.tar"), { since: [chain] });
  assert.deepEqual(third.layers, []);

  // To somebody who has not got the first one: one error that says what is missing and who needs it.
  await assert.rejects(imported(yard, byTar, `${to}/stranger`), (error: unknown) => {
    assert.ok(isLadingError(error));
    assert.equal(error.code, "ERR_LADING_MISSING_CONTENT");
    assert.match(
      error.message,
      /the layer sha256:[0-9a-f]{64} \([0-9]+ bytes\), which sha256:[0-9a-f]{64} needs, is neither at .*new\.tar nor at/,
    );
    return true;
  });
  assert.deepEqual(await yard.tags(`${to}/stranger`), []);
});

async function bundleOf(yard: Yard, place: string): Promise<string> {
  return (await yard.at(place).resolve("v1")).digest;
}

test("a tar never leads to its origin, but to the destination's own registry", async (t) => {
  const { yard, from, to } = await scene(t);
  const proxy = await startFaultProxy(t, from);
  const path = await exported(yard, `${proxy.host}/outer-bundle:v1`, "b.tar");
  proxy.script();
  await imported(yard, path, `${to}/x`);
  assert.equal(proxy.requests.length, 0);
});

test("layers that need not be distributed stay out, or come along when asked for", async (t) => {
  const { yard, from, to } = await scene(t);
  const content = image({ seed: 5, layers: 1, foreign: true });
  const [foreign] = content.absent ?? [];
  assert.ok(foreign);
  const app = await yard.put(`${from}/windows`, content);
  const bundle = await yard.bundle(`${from}/with-foreign`, [app]);
  const plain = await exported(yard, bundle, "plain.tar");
  const done = await imported(yard, plain, `${to}/x`);
  const left = done.leftLayers.map(({ request, layers }) => [done.set.images[request]?.from, layers]);
  assert.deepEqual(left, [[app, [foreign.digest]]]);
  assert.equal(await yard.at(`${to}/x`).has({ kind: "blob", descriptor: foreign }), false);
  await assert.rejects(imported(yard, plain, `${to}/y`, { nonDistributable: true }), (error: unknown) => {
    assert.ok(isLadingError(error));
    assert.equal(error.message, `file ${dashed(foreign.digest)}.tar.gz not found in tar`);
    assert.match(error.hint ?? "", /^This may be because when copying to a tarball/);
    return true;
  });
  // Without any such layer the flag asks for nothing.
  const none = await yard.copy(`${from}/outer-bundle:v1`, `${to}/z`, { nonDistributable: true });
  assert.equal(none.hasNonDistributable, false);
});

test("what refers to images comes along through a tar", async (t) => {
  const { yard, from, to, app } = await scene(t);
  const { digest } = parseReference(app);
  const subject = await yard.at(`${from}/simple-app`).resolve(digest ?? "");
  const sbom = artifact({ seed: 3, subject });
  await yard.put(`${from}/simple-app`, sbom, "sbom");
  const path = await exported(yard, `${from}/outer-bundle:v1`, "b.tar", { referrers: true });
  await imported(yard, path, `${to}/x`);
  const found = [];
  for await (const each of yard.at(`${to}/x`).referrers(subject.digest)) found.push(each.digest);
  assert.deepEqual(found, [sbom.root.digest]);
});

test("one platform: the indexes of a bundle keep their digests and lose the other images", async (t) => {
  const { yard, from, to } = await scene(t);
  const arm = { os: "linux", architecture: "arm64" };
  const amd64 = image({ seed: 21, layers: 1 });
  const arm64 = image({ seed: 22, layers: 1, platform: arm });
  const content = index([amd64, arm64]);
  const app = await yard.put(`${from}/multi`, content);
  const bundle = await yard.bundle(`${from}/multi-bundle`, [app]);
  const all = await exported(yard, bundle, "all.tar");
  const one = await exported(yard, bundle, "one.tar", { platforms: [arm] });
  await using whole = await openTar(all);
  await using sparse = await openTar(one);
  for (const [child, isThere] of [
    [amd64, false],
    [arm64, true],
  ] as const) {
    assert.equal(await whole.has({ kind: "manifest", descriptor: child.root }), true);
    assert.equal(await sparse.has({ kind: "manifest", descriptor: child.root }), isThere);
  }
  assert.ok(sparse.roots.some(({ descriptor }) => descriptor.digest === content.root.digest));
  // A registry that wants all images of an index says so, and gets no locations.
  await assert.rejects(yard.copy(bundle, `${to}/x`, { platforms: [arm] }), (error: unknown) => {
    assert.ok(isLadingError(error));
    assert.equal(error.code, "ERR_LADING_UNSUPPORTED");
    assert.match(error.message, /refuses the index sha256:[0-9a-f]{64} without all of its images/);
    assert.match(error.hint ?? "", /copy the whole index/);
    return true;
  });
  assert.ok(!(await yard.tags(`${to}/x`)).some((tag) => tag.includes("image-locations")));
  // One that has the others already takes it.
  await yard.put(`${to}/y`, amd64, "other");
  await imported(yard, one, `${to}/y`, { platforms: [arm] });
  assert.equal((await yard.at(`${to}/y`).resolve(content.root.digest)).digest, content.root.digest);
});

test("layers that only their urls have are fetched from there, without credentials", async (t) => {
  const { yard, from, to } = await scene(t);
  const layer = blob(5000, 77);
  const seen: (string | undefined)[] = [];
  const server = createServer((request, response) => {
    seen.push(request.headers.authorization);
    if (request.url !== "/layer") response.writeHead(404).end();
    else response.writeHead(200, { "content-length": layer.bytes.length }).end(layer.bytes);
  });
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  t.after(() => server.close());
  const base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const foreign = {
    ...layer.descriptor,
    mediaType: mediaTypes.dockerForeignLayerGzip,
    urls: [`${base}/gone`, `${base}/layer`],
  };
  const config = node(
    "blob",
    mediaTypes.dockerConfig,
    Buffer.from('{"rootfs":{"type":"layers","diff_ids":[]}}'),
  );
  const document = { schemaVersion: 2, mediaType: mediaTypes.dockerManifest, config: config.descriptor };
  const manifest = node(
    "manifest",
    mediaTypes.dockerManifest,
    Buffer.from(JSON.stringify({ ...document, layers: [foreign] })),
  );
  const app = await yard.put(`${from}/windows`, { root: manifest.descriptor, nodes: [config, manifest] });
  const bundle = await yard.bundle(`${from}/windows-bundle`, [app]);
  await yard.copy(bundle, `${to}/without`);
  assert.deepEqual(seen, []);
  await yard.copy(bundle, `${to}/with`, { nonDistributable: true });
  assert.equal(await yard.at(`${to}/with`).has({ kind: "blob", descriptor: foreign }), true);
  const path = await exported(yard, bundle, "with.tar", { nonDistributable: true });
  await using tar = await openTar(path);
  assert.equal(tar.hasLayer(foreign), true);
  assert.ok(seen.length >= 4);
  assert.deepEqual(new Set(seen), new Set([undefined]));
});
