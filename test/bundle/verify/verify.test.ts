import assert from "node:assert/strict";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import test from "node:test";
import type { BundleVerifyReport } from "../../../src/bundle/verify/model.ts";
import { type VerifyBundleOptions, verifyBundle } from "../../../src/bundle/verify/verify.ts";
import type { LadingEvent } from "../../../src/events.ts";
import { parseReference } from "../../../src/spec/reference.ts";
import { MemoryStore } from "../../../src/stores/memory.ts";
import { createRegistryClient } from "../../../src/stores/registry/client.ts";
import type { RegistryStore } from "../../../src/stores/registry/repository.ts";
import type { Source } from "../../../src/stores/store.ts";
import { lading } from "../../cli/support/program.ts";
import { putBundle, putLocations } from "../../support/bundle-image.ts";
import { counted } from "../../support/counted-source.ts";
import { startDockerRegistry } from "../../support/docker-registry.ts";
import { startFaultProxy } from "../../support/fault-proxy.ts";
import { file, putImage, tarOf } from "../../support/image.ts";
import { needs } from "../../support/peers.ts";
import { startRegistry } from "../../support/registry.ts";

/** Repositories of one registry in memory. */
class Shelf {
  readonly #stores = new Map<string, MemoryStore>();

  store(repository: string): MemoryStore {
    const known = this.#stores.get(repository) ?? new MemoryStore(repository);
    this.#stores.set(repository, known);
    return known;
  }

  verify(name: string, options: VerifyBundleOptions = {}): Promise<BundleVerifyReport> {
    const reference = parseReference(`example.com/${name}`);
    return verifyBundle(
      { reference, source: this.store(reference.repository) },
      { open: async ({ repository }) => this.store(repository) },
      options,
    );
  }
}

async function image(store: MemoryStore | RegistryStore, name = "app") {
  const { descriptor, manifest } = await putImage(store, [tarOf(file(name))]);
  return { descriptor, manifest, digest: descriptor.digest };
}

/** Its state and kind by repository, in the report's order. */
function summary({ images }: BundleVerifyReport): string[] {
  return images.map(({ state, kind, image }) => `${state} ${kind} ${image.split("/")[1]?.split("@")[0]}`);
}

test("a bundle in a bundle with locations is well, and everything in it is looked at", async () => {
  const shelf = new Shelf();
  const x = shelf.store("x");
  const app = await image(x);
  const nested = await putBundle(x, { images: [{ image: `example.com/app@${app.digest}` }] });
  const outer = await putBundle(x, { images: [{ image: `example.com/nested@${nested.digest}` }], tag: "v1" });
  await putLocations(x, nested.digest, [{ image: `example.com/app@${app.digest}`, isBundle: false }]);
  await putLocations(x, outer.digest, [{ image: `example.com/nested@${nested.digest}`, isBundle: true }]);
  const events: LadingEvent[] = [];
  const report = await shelf.verify("x:v1", { bytes: true, on: (event) => events.push(event) });
  assert.equal(report.state, "ok");
  const sum = (type: string) =>
    events.reduce((all, event) => all + (event.type === type && "bytes" in event ? event.bytes : 0), 0);
  assert.equal(sum("planned"), report.bytes);
  assert.equal(sum("progress"), report.bytes);
  assert.deepEqual(summary(report), [
    "ok bundle x",
    "ok locations x",
    "ok bundle x",
    "ok locations x",
    "ok image x",
  ]);
  assert.deepEqual(report.images[4], {
    kind: "image",
    origin: `example.com/app@${app.digest}`,
    image: `example.com/x@${app.digest}`,
    state: "ok",
    problems: [],
    neededBy: [`example.com/x@${nested.digest}`],
  });
  // Five images of a manifest, a config and a layer.
  assert.equal(report.checked, 15);
  assert.ok(report.bytes > app.descriptor.size);
});

test("an image that moved beside its bundle is found there, one that stayed at its origin", async () => {
  const shelf = new Shelf();
  const x = shelf.store("x");
  const [moved, stayed] = [await image(x, "moved"), await image(shelf.store("origin"), "stayed")];
  const images = [moved, stayed].map(({ digest }) => ({ image: `example.com/origin@${digest}` }));
  await putBundle(x, { images, tag: "v1" });
  const report = await shelf.verify("x:v1");
  assert.deepEqual(summary(report), ["ok bundle x", "ok image x", "ok image origin"]);
});

test("an image that is nowhere is missing at its origin, and the others are looked at all the same", async () => {
  const shelf = new Shelf();
  const x = shelf.store("x");
  const [gone, app] = [await image(new MemoryStore(), "gone"), await image(x)];
  const images = [gone, app].map(({ digest }) => ({ image: `example.com/origin@${digest}` }));
  const nested = await putBundle(x, { images });
  await putBundle(x, { images: [{ image: `example.com/nested@${nested.digest}` }], tag: "v1" });
  const report = await shelf.verify("x:v1");
  assert.equal(report.state, "missing");
  assert.deepEqual(summary(report), ["ok bundle x", "ok bundle x", "missing image origin", "ok image x"]);
  assert.deepEqual(report.images[2]?.problems[0]?.digest, gone.digest);
  assert.deepEqual(report.images[2]?.neededBy, [`example.com/x@${nested.digest}`]);
});

test("a blob that was taken away is missing; the image says which", async () => {
  const shelf = new Shelf();
  const x = shelf.store("x");
  const app = await image(x);
  await putBundle(x, { images: [{ image: `example.com/x@${app.digest}` }], tag: "v1" });
  const [layer] = app.manifest.layers;
  assert.ok(layer);
  await x.remove({ kind: "blob", descriptor: layer });
  const report = await shelf.verify("x:v1");
  assert.equal(report.state, "missing");
  assert.deepEqual(
    report.images[1]?.problems.map(({ state, digest }) => [state, digest]),
    [["missing", layer.digest]],
  );
});

test("a locations image that lies is found out, whatever the lie", async () => {
  const shelf = new Shelf();
  const [x, origin] = [shelf.store("x"), shelf.store("origin")];
  const [app, other, third] = [await image(origin), await image(x, "other"), await image(x, "third")];
  const nested = await putBundle(x, { images: [] });
  const images = [app, other, nested, third].map(({ digest }) => ({ image: `example.com/origin@${digest}` }));
  const outer = await putBundle(x, { images, tag: "v1" });
  const locations = await putLocations(x, outer.digest, [
    // It is not there: only its origin has it, which no pull would ask.
    { image: `example.com/origin@${app.digest}`, isBundle: false },
    { image: `example.com/origin@${other.digest}`, isBundle: true },
    { image: `example.com/origin@${nested.digest}`, isBundle: false },
  ]);
  const report = await shelf.verify("x:v1");
  assert.equal(report.state, "wrong");
  const byImage = new Map(report.images.map((each) => [each.image, each]));
  const missing = byImage.get(`example.com/x@${app.digest}`);
  assert.equal(missing?.state, "missing");
  assert.match(missing?.problems[0]?.message ?? "", /^the locations image says that it is here: /);
  const liar = byImage.get(`example.com/x@${locations.digest}`);
  assert.deepEqual(liar?.problems.map(({ message }) => message).sort(), [
    `it does not tell of example.com/origin@${third.digest}, which the lock names`,
    ...[
      `it says that example.com/origin@${nested.digest} is an image, and it is a bundle`,
      `it says that example.com/origin@${other.digest} is a bundle, and it is an image`,
    ].sort(),
  ]);
});

test("the locations image may name another repository, and is held to it", async () => {
  const shelf = new Shelf();
  const [x, elsewhere] = [shelf.store("x"), shelf.store("elsewhere")];
  const app = await image(elsewhere);
  const bundle = await putBundle(x, { images: [{ image: `example.com/gone@${app.digest}` }], tag: "v1" });
  const seed = [
    "apiVersion: imgpkg.carvel.dev/v1alpha1",
    "kind: ImagesLocation",
    "images:",
    `- image: example.com/gone@${app.digest}`,
    "  repository: elsewhere",
    "  bundle: false",
    "",
  ].join("\n");
  await putImage(x, [tarOf(file("images-locations.yml", seed))], {
    tag: `${bundle.digest.replace(":", "-")}.image-locations.imgpkg`,
    format: "docker",
  });
  assert.deepEqual(summary(await shelf.verify("x:v1")), [
    "ok bundle x",
    "ok locations x",
    "ok image elsewhere",
  ]);
});

test("a lock or a locations file that cannot be read is wrong, and ends nothing else", async () => {
  const shelf = new Shelf();
  const x = shelf.store("x");
  const app = await image(x);
  const broken = await putBundle(x, { images: [], lock: "apiVersion: nobody's\nkind: ImagesLock\n" });
  const images = [broken, app].map(({ digest }) => ({ image: `example.com/x@${digest}` }));
  const outer = await putBundle(x, { images, tag: "v1" });
  await putImage(x, [tarOf(file("image-locations.yml", "kind: Other\n"))], {
    tag: `${outer.digest.replace(":", "-")}.image-locations.imgpkg`,
    format: "docker",
  });
  const report = await shelf.verify("x:v1");
  assert.deepEqual(summary(report), ["ok bundle x", "wrong locations x", "wrong bundle x", "ok image x"]);
  assert.match(report.images[2]?.problems[0]?.message ?? "", /Validating apiVersion: Unknown version/);
});

test("a registry that refuses is denied, one that cannot be reached failed", async (t) => {
  const { host } = await startRegistry(t);
  const proxy = await startFaultProxy(t, host);
  const client = createRegistryClient({ retry: { attempts: 1 } });
  t.after(() => client.close());
  const store = client.repository({ registry: proxy.host, repository: "x" });
  const [app, gone] = [await image(store), await image(new MemoryStore(), "gone")];
  await putBundle(store, {
    images: [{ image: `${proxy.host}/x@${app.digest}` }, { image: `127.0.0.1:1/x@${gone.digest}` }],
    tag: "v1",
  });
  const fresh = createRegistryClient({ retry: { attempts: 1 } });
  t.after(() => fresh.close());
  proxy.script({
    match: { path: new RegExp(app.digest) },
    times: 100,
    action: { kind: "status", status: 403 },
  });
  const reference = parseReference(`${proxy.host}/x:v1`);
  const report = await verifyBundle(
    { reference, source: fresh.repository(reference) },
    { open: async (location) => fresh.repository(location) },
  );
  assert.deepEqual(
    report.images.map(({ state }) => state),
    ["ok", "denied", "failed"],
  );
  assert.equal(report.state, "denied");
});

test("what is no bundle is not verified", async () => {
  const shelf = new Shelf();
  await putImage(shelf.store("x"), [tarOf(file("a"))], { tag: "v1" });
  await assert.rejects(shelf.verify("x:v1"), { message: "Expected bundle image but found plain image" });
  await assert.rejects(shelf.verify("x:v2"), { code: "ERR_LADING_NOT_FOUND" });
});

test("300 images that share a layer: few requests at a time, and none twice", async () => {
  const x = new MemoryStore("x");
  const images: { image: string }[] = [];
  for (let i = 0; i < 300; i++) {
    const { descriptor } = await putImage(x, [tarOf(file("base")), tarOf(file(`app ${i}`))]);
    images.push({ image: `example.com/x@${descriptor.digest}` });
  }
  await putBundle(x, { images, tag: "v1" });
  const source = counted(x);
  const report = await verifyBundle(
    { reference: parseReference("example.com/x:v1"), source },
    { open: async (): Promise<Source> => source },
    { concurrency: 5 },
  );
  assert.equal(report.state, "ok");
  assert.equal(report.images.length, 301);
  assert.ok(source.most > 1 && source.most <= 5, `${source.most} at the same time`);
  const looked = source.asked.filter((what) => what.startsWith("has "));
  assert.equal(new Set(looked).size, looked.length);
});

test(
  "bytes that changed on the registry's disk are found on request",
  needs("docker-registry"),
  async (t) => {
    const { host, dir } = await startDockerRegistry(t);
    const client = createRegistryClient();
    t.after(() => client.close());
    const x = client.repository({ registry: host, repository: "x" });
    const app = await image(x);
    await putBundle(x, { images: [{ image: `${host}/gone@${app.digest}` }], tag: "v1" });
    const [layer] = app.manifest.layers;
    const hex = layer?.digest.slice("sha256:".length) ?? "";
    const blob = join(dir, "docker/registry/v2/blobs/sha256", hex.slice(0, 2), hex, "data");
    const bytes = await readFile(blob);
    bytes[bytes.length >> 1] = (bytes[bytes.length >> 1] ?? 0) ^ 1;
    await writeFile(blob, bytes);
    const line = ["bundle", "verify", `${host}/x:v1`];
    const quick = await lading(line);
    assert.equal(quick.code, 0, quick.stderr);
    assert.match(
      quick.stdout,
      /^ok {2}bundle .*\nok {2}image .*\n {2}from .*\n2 images, 6 parts checked: 0 wrong/,
    );
    const whole = await lading([...line, "--bytes"]);
    assert.equal(whole.code, 5, whole.stderr);
    assert.match(whole.stdout, new RegExp(`^wrong +image +${host}/x@${app.digest}$`, "m"));
    assert.match(whole.stdout, new RegExp(`^  ${layer?.digest}: expected ${layer?.digest} but`, "m"));
    const { state, images } = JSON.parse((await lading([...line, "--bytes", "--json"])).stdout);
    assert.equal(state, "wrong");
    assert.deepEqual(
      images.map((each: { state: string }) => each.state),
      ["ok", "wrong"],
    );
    const { code, stdout } = await lading([...line, "--bytes", "--quiet"]);
    assert.equal(code, 5);
    assert.match(stdout, /^wrong {2}image /);
  },
);

test("the exit code is that of the worst finding", async (t) => {
  const { host } = await startRegistry(t);
  const client = createRegistryClient();
  t.after(() => client.close());
  const x = client.repository({ registry: host, repository: "x" });
  const gone = await image(new MemoryStore(), "gone");
  await putBundle(x, { images: [{ image: `${host}/origin@${gone.digest}` }], tag: "v1" });
  const missing = await lading(["bundle", "verify", `${host}/x:v1`]);
  assert.equal(missing.code, 3, missing.stderr);
  assert.match(missing.stdout, /^missing {2}image .*\n.*\n {2}needed by .*\n2 images, .* 1 missing, /m);
  assert.equal((await lading(["bundle", "verify", `${host}/x:v2`])).code, 3);
});
