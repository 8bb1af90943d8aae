/** A copy that cannot be done says why, once, and leaves no locations and no name. */
import assert from "node:assert/strict";
import test, { type TestContext } from "node:test";
import { isLadingError, type LadingError } from "../../../src/errors.ts";
import type { Digest } from "../../../src/spec/digest.ts";
import { credentialsByHost } from "../../../src/stores/registry/auth/credentials.ts";
import { putLocations } from "../../support/bundle-image.ts";
import { image } from "../../support/content.ts";
import { type Fault, startFaultProxy } from "../../support/fault-proxy.ts";
import { startGuardedRegistry } from "../../support/guarded-registry.ts";
import { startRegistry } from "../../support/registry.ts";
import { dashed, tagsOf, Yard } from "./yard.ts";

async function refused(copy: Promise<unknown>): Promise<LadingError> {
  try {
    await copy;
  } catch (error) {
    assert.ok(isLadingError(error), String(error));
    return error;
  }
  return assert.fail("the copy went through");
}

function isLocations(tag: string): boolean {
  return tag.endsWith(".image-locations.imgpkg");
}

async function twoRegistries(t: TestContext) {
  const [from, to] = [await startRegistry(t), await startRegistry(t)];
  const yard = await Yard.open(t);
  return { from: from.host, to: to.host, yard };
}

test("an image that is nowhere: one error that names it, and nothing is written", async (t) => {
  const { from, to, yard } = await twoRegistries(t);
  const app = await yard.image(`${from}/app`, 1);
  const gone = `${from}/app@sha256:${"0".repeat(64)}`;
  await yard.bundle(`${from}/bundle`, [app, gone]);
  const error = await refused(yard.copy(`${from}/bundle:v1`, `${to}/x`));
  assert.equal(error.code, "ERR_LADING_NOT_FOUND");
  assert.match(error.message, /sha256:0{12}/);
  assert.deepEqual(await yard.tags(`${to}/x`), []);
});

test("a locations image that lies: the error tells of it", async (t) => {
  const { from, to, yard } = await twoRegistries(t);
  const app = await yard.image(`${from}/app`, 1);
  const bundle = await yard.bundle(`${from}/bundle`, [app]);
  await yard.copy(`${from}/bundle:v1`, `${to}/x`);
  const store = yard.client.repository({ registry: to, repository: "x" });
  const descriptor = await store.resolve(app.split("@")[1] ?? "");
  await store.remove({ kind: "manifest", descriptor });
  const error = await refused(yard.copy(bundle.replace(`${from}/bundle`, `${to}/x`), `${from}/y`));
  assert.equal(error.code, "ERR_LADING_NOT_FOUND");
  assert.match(error.hint ?? "", /locations image says that this is here/);
  assert.deepEqual(await yard.tags(`${from}/y`), []);
});

test("a tag that moves while it is copied: what it stood for arrives", async (t) => {
  const { from, to, yard } = await twoRegistries(t);
  const app = await yard.image(`${from}/app`, 1);
  const bundle = await yard.bundle(`${from}/bundle`, [app]);
  let moving: Promise<unknown> | undefined;
  await yard.copy(`${from}/bundle:v1`, `${to}/x`, {
    on: ({ type }) => {
      if (type === "planned") moving ??= yard.bundle(`${from}/bundle`, []);
    },
  });
  await moving;
  assert.notEqual((await yard.at(`${from}/bundle`).resolve("v1")).digest, bundle.split("@")[1]);
  assert.equal((await yard.at(`${to}/x`).resolve("v1")).digest, bundle.split("@")[1]);
});

/** Faults of a destination, each at another step of a copy. */
const faults: readonly (readonly [name: string, fault: Fault])[] = [
  ["a blob", { match: { method: "POST", path: /blobs\/uploads/ }, action: status(507) }],
  ["the last blob", { match: { method: "PUT", path: /blobs\/uploads/ }, times: 99, action: status(507) }],
  [
    "a manifest with its generated tag",
    { match: { method: "PUT", path: /manifests\/sha256-[0-9a-f]+\.imgpkg/ }, action: status(403) },
  ],
];

function status(code: number): Fault["action"] {
  return { kind: "status", status: code, body: '{"errors":[{"code":"DENIED","message":"not today"}]}' };
}

for (const [name, fault] of faults) {
  test(`a destination that refuses ${name} gets no locations; the next copy completes it`, async (t) => {
    const { from, to, yard } = await twoRegistries(t);
    const apps = [await yard.image(`${from}/a`, 1), await yard.image(`${from}/b`, 2)];
    const nested = await yard.bundle(`${from}/nested`, apps);
    await yard.bundle(`${from}/outer`, [nested]);
    const proxy = await startFaultProxy(t, to, fault);
    await refused(yard.copy(`${from}/outer:v1`, `${proxy.host}/x`));
    assert.ok(proxy.requests.some((request) => request.fault === "status"));
    const left = await yard.tags(`${to}/x`);
    assert.deepEqual(left.filter(isLocations), []);
    assert.ok(!left.includes("v1"));
    proxy.script();
    const done = await yard.copy(`${from}/outer:v1`, `${proxy.host}/x`);
    const tags = await yard.tags(`${to}/x`);
    assert.equal(tags.filter(isLocations).length, 2);
    assert.ok(tags.includes("v1"));
    assert.equal(done.locations.length, 2);
  });
}

test("a copy that is stopped leaves no locations, and is completed by the next", async (t) => {
  const { from, to, yard } = await twoRegistries(t);
  const apps = [await yard.image(`${from}/a`, 1), await yard.image(`${from}/b`, 2)];
  await yard.bundle(`${from}/bundle`, apps);
  const controller = new AbortController();
  const reason = new Error("stopped");
  let finished = 0;
  await assert.rejects(
    yard.copy(`${from}/bundle:v1`, `${to}/x`, {
      signal: controller.signal,
      concurrency: 1,
      on: ({ type }) => {
        if (type === "finished" && ++finished === 3) controller.abort(reason);
      },
    }),
    reason,
  );
  assert.deepEqual((await yard.tags(`${to}/x`)).filter(isLocations), []);
  const done = await yard.copy(`${from}/bundle:v1`, `${to}/x`);
  assert.ok(done.present.nodes > 0);
  assert.equal((await yard.tags(`${to}/x`)).filter(isLocations).length, 1);
});

test("locations that cannot be changed are left as they are, where there are some", async (t) => {
  const { from, to, yard } = await twoRegistries(t);
  const bundle = await yard.bundle(`${from}/bundle`, [await yard.image(`${from}/a`, 1)]);
  const tag = `${dashed(bundle)}.image-locations.imgpkg`;
  const proxy = await startFaultProxy(t, to);
  const immutable: Fault = {
    match: { method: "PUT", path: /image-locations\.imgpkg$/ },
    times: 99,
    action: {
      kind: "status",
      status: 400,
      body: '{"errors":[{"code":"TAG_INVALID","message":"The image tag already exists and is immutable"}]}',
    },
  };
  proxy.script(immutable);
  // There are none: that they cannot be written is an error.
  const error = await refused(yard.copy(`${from}/bundle:v1`, `${proxy.host}/x`));
  assert.match(error.message, /immutable/);
  assert.ok(!(await yard.tags(`${to}/x`)).includes("v1"));

  // Somebody's own, with another digest than ours.
  const other = image({ seed: 99 });
  proxy.script();
  await yard.copy(`${from}/bundle:v1`, `${proxy.host}/x`);
  const kept = await yard.at(`${to}/x`).resolve(tag);
  await yard.put(`${to}/x`, other, "other");
  proxy.script(immutable, {
    // As if the tag stood for something else: the copy has to try to write it.
    match: { method: "GET", path: /image-locations\.imgpkg$/ },
    action: {
      kind: "status",
      status: 404,
      body: '{"errors":[{"code":"MANIFEST_UNKNOWN","message":"unknown"}]}',
    },
  });
  await yard.copy(`${from}/bundle:v1`, `${proxy.host}/x`);
  assert.ok(proxy.requests.some(({ method, fault }) => method === "PUT" && fault === "status"));
  assert.equal((await yard.at(`${to}/x`).resolve(tag)).digest, kept.digest);
});

test("of locations that cannot be changed those that are there are told of", async (t) => {
  const { from, to, yard } = await twoRegistries(t);
  const bundle = await yard.bundle(`${from}/bundle`, [await yard.image(`${from}/a`, 1)]);
  // Of an older copier, which told of nothing.
  const kept = await putLocations(yard.at(`${to}/x`), bundle.slice(bundle.indexOf("@") + 1) as Digest, []);
  const proxy = await startFaultProxy(t, to, {
    match: { method: "PUT", path: /image-locations\.imgpkg$/ },
    times: 99,
    action: {
      kind: "status",
      status: 400,
      body: '{"errors":[{"code":"TAG_INVALID","message":"The image tag already exists and is immutable"}]}',
    },
  });
  const { locations } = await yard.copy(`${from}/bundle:v1`, `${proxy.host}/x`);
  assert.deepEqual(
    locations.map(({ root }) => root.digest),
    [kept.digest],
  );
});

test("three registries with users of their own: a wrong password at one is one error that names it", async (t) => {
  const [images, bundles] = [
    await startGuardedRegistry(t, "our registry", 0),
    await startGuardedRegistry(t, "our registry", 1),
  ];
  const { host: to } = await startRegistry(t);
  const login = ({ host, user, password }: typeof images) => [host, { username: user, password }] as const;
  const right = credentialsByHost(Object.fromEntries([login(images), login(bundles)]));
  const yard = await Yard.open(t, { credentials: right });
  const app = await yard.image(`${images.host}/app`, 1);
  await yard.bundle(`${bundles.host}/bundle`, [app]);

  const wrong = credentialsByHost(
    Object.fromEntries([[images.host, { username: images.user, password: "wrong" }], login(bundles)]),
  );
  const error = await refused(yard.copy(`${bundles.host}/bundle:v1`, `${to}/x`, {}, { credentials: wrong }));
  assert.equal(error.code, "ERR_LADING_UNAUTHORIZED");
  assert.equal(error.place, `${images.host}/app`);
  assert.doesNotMatch(JSON.stringify(error) + error.message, /wrong|secret/);
  assert.deepEqual(await yard.tags(`${to}/x`), []);

  const done = await yard.copy(`${bundles.host}/bundle:v1`, `${to}/x`, {}, { credentials: right });
  assert.equal(done.images.length, 2);
});

test("signatures that may not be seen are left out with a warning; what else goes wrong ends the copy", async (t) => {
  const { from, to, yard } = await twoRegistries(t);
  const bundle = await yard.bundle(`${from}/bundle`, []);
  await yard.cosign(bundle, "sig", 1);
  const proxy = await startFaultProxy(t, from);
  const answer = (code: number): Fault => ({
    match: { method: "GET", path: /\.sig$/ },
    times: 99,
    action: { kind: "status", status: code, body: '{"errors":[{"code":"DENIED","message":"no"}]}' },
  });
  const warnings: string[] = [];
  proxy.script(answer(403));
  const copy = () =>
    yard.copy(`${proxy.host}/bundle:v1`, `${to}/x`, {
      cosign: ["sig"],
      on: (event) => {
        if (event.type === "warning") warnings.push(event.message);
      },
    });
  assert.equal((await copy()).images.length, 1);
  assert.equal(warnings.length, 1);
  proxy.script(answer(500));
  assert.equal((await refused(copy())).code, "ERR_LADING_REGISTRY");
});

test("two images that want one tag are refused before anything moves", async (t) => {
  const { to, yard } = await twoRegistries(t);
  const { relocate } = await import("../../../src/bundle/copy/relocate.ts");
  const { MemoryStore } = await import("../../../src/stores/memory.ts");
  const { writeContent } = await import("../../support/content.ts");
  const source = new MemoryStore("tar");
  const contents = [image({ seed: 1 }), image({ seed: 2 })];
  for (const content of contents) await writeContent(source, content);
  const images = contents.map(({ root }) => ({
    ...({ kind: "image", source, root, origin: "", tag: "v1", foundBy: "archive" } as const),
    from: `tar@${root.digest as Digest}`,
  }));
  const set = { subject: { kind: "images" } as const, images, bundles: async () => [] };
  const error = await refused(relocate(set, yard.at(`${to}/x`), { tempDir: yard.dir }));
  assert.equal(error.code, "ERR_LADING_USAGE");
  assert.deepEqual(await tagsOf(yard.at(`${to}/x`)), []);
});
