import assert from "node:assert/strict";
import test from "node:test";
import { lockName } from "../../../src/bundle/documents/names.ts";
import type { BundleNode } from "../../../src/bundle/read/model.ts";
import { type ReadBundleTreeOptions, readBundleTree } from "../../../src/bundle/read/tree.ts";
import { bundlesOf } from "../../../src/bundle/read/walk.ts";
import type { Repositories } from "../../../src/bundle/repositories.ts";
import { stepsOf } from "../../../src/bundle/steps.ts";
import { bodyOf } from "../../../src/bytes/body.ts";
import { digestOf } from "../../../src/bytes/hash.ts";
import { isLadingError } from "../../../src/errors.ts";
import { buildImage } from "../../../src/image/document.ts";
import type { Descriptor } from "../../../src/spec/descriptor.ts";
import { MemoryStore } from "../../../src/stores/memory.ts";
import type { RegistryStore } from "../../../src/stores/registry/repository.ts";
import type { Source } from "../../../src/stores/store.ts";
import { putBundle, putLocations } from "../../support/bundle-image.ts";
import { startDockerRegistry } from "../../support/docker-registry.ts";
import { file, putImage, tarOf } from "../../support/image.ts";
import { needs } from "../../support/peers.ts";
import { type CountedRegistry, countedRegistry, repositories } from "./registries.ts";

/** An image of one file. */
async function putApp(sink: RegistryStore | MemoryStore, name: string): Promise<Descriptor> {
  return (await putImage(sink, [tarOf(file(name))], { format: "docker" })).descriptor;
}

function at(registry: CountedRegistry, repository: string, { digest }: Descriptor): string {
  return `${registry.host}/${repository}@${digest}`;
}

async function read(
  all: Repositories,
  registry: CountedRegistry,
  repository: string,
  { digest }: Descriptor,
  options: ReadBundleTreeOptions = {},
): Promise<BundleNode> {
  const location = { registry: registry.host, repository };
  return readBundleTree(
    { reference: { ...location, digest }, source: await all.open(location) },
    all,
    options,
  );
}

/** The bundle's name, and those of its images; a bundle among them with its own. */
type Names = readonly (string | Names)[];

function namesOf({ reference, images }: BundleNode): Names {
  return [
    lockName(reference),
    ...images.map((entry) =>
      entry.bundle === undefined ? lockName(entry.reference) : namesOf(entry.bundle),
    ),
  ];
}

/** Nothing was asked twice. */
function assertOnce({ proxy }: CountedRegistry): void {
  const asked = proxy.requests.map(({ method, url }) => `${method} ${url}`);
  assert.deepEqual(asked, [...new Set(asked)]);
}

for (const peer of ["Lading", "docker-registry"] as const) {
  const options = peer === "Lading" ? {} : needs("docker-registry");

  test(`${peer}: an image is found beside the bundle, and at its origin otherwise`, options, async (t) => {
    const target = peer === "Lading" ? undefined : (await startDockerRegistry(t)).host;
    const [home, origin] = [await countedRegistry(t, target), await countedRegistry(t)];
    const inner = origin.repository("inner");
    const [moved, stayed, deep] = await Promise.all([
      putApp(origin.repository("apps"), "moved"),
      putApp(origin.repository("apps"), "stayed"),
      putApp(inner, "deep"),
    ]);
    await putApp(home.repository("bundle"), "moved");
    const nested = await putBundle(inner, { images: [{ image: at(origin, "elsewhere", deep) }] });
    const images = [
      { image: at(origin, "apps", moved), annotations: { a: "b" } },
      { image: at(origin, "apps", stayed) },
      { image: at(origin, "inner", nested) },
    ];
    const outer = await putBundle(home.repository("bundle"), {
      images,
      metadata: "metadata: {name: outer}\n",
    });
    for (const each of [home, origin]) each.forget();

    const tree = await read(repositories(t), home, "bundle", outer);
    assert.deepEqual(namesOf(tree), [
      at(home, "bundle", outer),
      at(home, "bundle", moved),
      at(origin, "apps", stayed),
      // Beside the nested bundle where that was found, and not where its lock says.
      [at(origin, "inner", nested), at(origin, "inner", deep)],
    ]);
    assert.deepEqual(tree.images[0]?.locked.annotations, { a: "b" });
    assert.deepEqual(tree.metadata?.metadata, { name: "outer" });
    assert.equal(tree.locations, undefined);
    assert.deepEqual(tree.images[0]?.descriptor, moved);
    assert.equal(
      home.asked().some((request) => request.startsWith("HEAD")),
      false,
    );
    // Each manifest once, though its bytes are needed twice.
    assertOnce(home);
    assertOnce(origin);
  });

  test(
    `${peer}: with locations images nothing is asked but the bundles' repository, and no image`,
    options,
    async (t) => {
      const target = peer === "Lading" ? undefined : (await startDockerRegistry(t)).host;
      const [home, origin] = [await countedRegistry(t, target), await countedRegistry(t)];
      const store = home.repository("bundle");
      const apps = await Promise.all(Array.from({ length: 20 }, (_, i) => putApp(store, `app ${i}`)));
      const images = apps.map((app) => ({ image: at(origin, "apps", app) }));
      const nested = await putBundle(store, { images: images.slice(0, 10) });
      const named = { image: at(origin, "nested", nested) };
      const outer = await putBundle(store, { images: [named, ...images] });
      await putLocations(
        store,
        nested.digest,
        images.slice(0, 10).map((each) => ({ ...each, isBundle: false })),
      );
      await putLocations(store, outer.digest, [
        { ...named, isBundle: true },
        ...images.map((each) => ({ ...each, isBundle: false })),
      ]);
      home.forget();

      const tree = await read(repositories(t), home, "bundle", outer);
      assert.deepEqual(namesOf(tree), [
        at(home, "bundle", outer),
        [at(home, "bundle", nested), ...apps.slice(0, 10).map((app) => at(home, "bundle", app))],
        ...apps.map((app) => at(home, "bundle", app)),
      ]);
      assert.deepEqual(origin.asked(), []);
      const asked = home.asked();
      for (const app of apps) {
        assert.equal(
          home.proxy.requests.some(({ url }) => url.includes(app.digest)),
          false,
        );
      }
      // For each bundle: manifest, config and layer, and manifest and layer of its locations image.
      assert.equal(asked.filter((request) => request.includes("/manifests/")).length, 4);
      assert.equal(asked.filter((request) => request.includes("/blobs/")).length, 6);
      assert.equal(asked.filter((request) => request.startsWith("HEAD")).length, 0);
      assert.equal(tree.locations?.images.length, 21);
      assert.equal(tree.images[1]?.descriptor, undefined);
    },
  );
}

test("a location's repository is in the bundle's registry, and its bundles are read from there", async (t) => {
  const [home, origin] = [await countedRegistry(t), await countedRegistry(t)];
  const app = await putApp(home.repository("other/place"), "app");
  const nested = await putBundle(home.repository("other/place"), {
    images: [{ image: at(origin, "x", app) }],
  });
  const outer = await putBundle(home.repository("bundle"), { images: [{ image: at(origin, "y", nested) }] });
  const seed = `apiVersion: imgpkg.carvel.dev/v1alpha1
kind: ImagesLocation
images:
  - image: ${at(origin, "y", nested)}
    repository: other/place
    bundle: true
`;
  const tag = `sha256-${outer.digest.slice(7)}.image-locations.imgpkg`;
  await putImage(home.repository("bundle"), [tarOf(file("images-locations.yml", seed))], { tag });
  const tree = await read(repositories(t), home, "bundle", outer);
  assert.deepEqual(namesOf(tree), [
    at(home, "bundle", outer),
    [at(home, "other/place", nested), at(home, "other/place", app)],
  ]);
  assert.deepEqual(origin.asked(), []);
});

test("a bundle that several others name is read once and is one object", async (t) => {
  const home = await countedRegistry(t);
  const store = home.repository("bundle");
  const app = await putApp(store, "app");
  let below = await putBundle(store, { images: [{ image: at(home, "x", app) }] });
  const levels = 12;
  for (let level = 0; level < levels; level++) {
    const pair = await Promise.all(
      ["left", "right"].map((side) =>
        putBundle(store, {
          images: [{ image: at(home, "x", below) }],
          metadata: `metadata: {name: ${side}}\n`,
        }),
      ),
    );
    below = await putBundle(store, { images: pair.map((each) => ({ image: at(home, "x", each) })) });
  }
  home.forget();
  const tree = await read(repositories(t), home, "bundle", below);
  const bundles = [...bundlesOf(tree)];
  assert.equal(bundles.length, 3 * levels + 1);
  assert.equal(bundles[0], tree);
  const [left, right] = tree.images;
  assert.equal(left?.bundle?.images[0]?.bundle, right?.bundle?.images[0]?.bundle);
  assertOnce(home);
});

test("an image that a lock names twice is one, wherever it is found", async (t) => {
  const [home, first, second] = [
    await countedRegistry(t),
    await countedRegistry(t),
    await countedRegistry(t),
  ];
  const app = await putApp(second.repository("app"), "app");
  const images = [{ image: at(first, "app", app) }, { image: at(second, "app", app) }];
  const bundle = await putBundle(home.repository("bundle"), { images });
  const tree = await read(repositories(t), home, "bundle", bundle);
  assert.deepEqual(namesOf(tree), [at(home, "bundle", bundle), at(second, "app", app)]);
  assert.equal(tree.lock.images.length, 2);
});

test("an index is an image, and its children are not looked at", async (t) => {
  const home = await countedRegistry(t);
  const store = home.repository("bundle");
  const app = await putApp(store, "app");
  const bytes = Buffer.from(
    JSON.stringify({
      schemaVersion: 2,
      mediaType: "application/vnd.oci.image.index.v1+json",
      manifests: [{ ...app, platform: { os: "linux", architecture: "amd64" } }],
    }),
  );
  const index = {
    mediaType: "application/vnd.oci.image.index.v1+json",
    digest: digestOf(bytes),
    size: bytes.length,
  };
  await store.write({ kind: "manifest", descriptor: index }, bodyOf(bytes));
  const bundle = await putBundle(store, { images: [{ image: at(home, "x", index) }] });
  const tree = await read(repositories(t), home, "bundle", bundle);
  assert.deepEqual(tree.images[0]?.descriptor, index);
  assert.equal(tree.images[0]?.bundle, undefined);
});

test("what is no bundle is refused in imgpkg's words", async (t) => {
  const home = await countedRegistry(t);
  const app = await putApp(home.repository("app"), "app");
  await assert.rejects(read(repositories(t), home, "app", app), {
    code: "ERR_LADING_USAGE",
    message: "Expected bundle image but found plain image",
    hint: "Did you use -i instead of -b?",
  });
});

test("an image that is nowhere is told of by the last registry that was asked", async (t) => {
  const [home, origin] = [await countedRegistry(t), await countedRegistry(t)];
  const image = `${origin.host}/app@sha256:${"0".repeat(64)}`;
  const bundle = await putBundle(home.repository("bundle"), { images: [{ image }] });
  await assert.rejects(read(repositories(t), home, "bundle", bundle), (error: unknown) => {
    assert.ok(isLadingError(error));
    assert.equal(error.code, "ERR_LADING_NOT_FOUND");
    assert.match(error.place ?? "", new RegExp(`${origin.host}/app`));
    assert.deepEqual(stepsOf(error), ["Checking image existence"]);
    return true;
  });
});

test("wrong credentials at one origin are that registry's error", needs("docker-registry"), async (t) => {
  const locked = await startDockerRegistry(t, { htpasswd: true });
  const [home, origin] = [await countedRegistry(t), await countedRegistry(t, locked.host)];
  const image = `${origin.host}/app@sha256:${"0".repeat(64)}`;
  const bundle = await putBundle(home.repository("bundle"), { images: [{ image }] });
  await assert.rejects(read(repositories(t), home, "bundle", bundle), (error: unknown) => {
    assert.ok(isLadingError(error));
    assert.equal(error.code, "ERR_LADING_UNAUTHORIZED");
    assert.match(error.place ?? "", new RegExp(origin.host));
    return true;
  });
});

for (const status of [401, 403, 404, 500] as const) {
  test(`an image that its bundle's repository answers with ${status} is looked for at its origin`, async (t) => {
    const [home, origin] = [await countedRegistry(t), await countedRegistry(t)];
    const app = await putApp(origin.repository("app"), "app");
    await putApp(home.repository("bundle"), "app");
    const bundle = await putBundle(home.repository("bundle"), {
      images: [{ image: at(origin, "app", app) }],
    });
    home.proxy.script({
      match: { path: new RegExp(`manifests/${app.digest}`) },
      times: 100,
      action: { kind: "status", status },
    });
    const tree = await read(repositories(t), home, "bundle", bundle);
    assert.deepEqual(namesOf(tree), [at(home, "bundle", bundle), at(origin, "app", app)]);
  });
}

test("a missing image can be taken to be at its origin, which is not asked for one level", async (t) => {
  const [home, origin] = [await countedRegistry(t), await countedRegistry(t)];
  const absent = { digest: `sha256:${"0".repeat(64)}` } as Descriptor;
  const app = await putApp(home.repository("bundle"), "app");
  const images = [{ image: at(origin, "x", absent) }, { image: at(origin, "y", app) }];
  const bundle = await putBundle(home.repository("bundle"), { images });
  const names = [at(home, "bundle", bundle), at(origin, "x", absent), at(home, "bundle", app)];
  const assumed = { missing: "assume-origin" } as const;
  assert.deepEqual(
    namesOf(await read(repositories(t), home, "bundle", bundle, { ...assumed, depth: "one" })),
    names,
  );
  assert.deepEqual(origin.asked(), []);
  assert.deepEqual(namesOf(await read(repositories(t), home, "bundle", bundle, assumed)), names);
  assert.deepEqual(origin.asked(), ["GET x/manifests/sha256:D"]);
  home.proxy.script({
    match: { path: /manifests\/sha256:0/ },
    times: 100,
    action: { kind: "status", status: 500 },
  });
  await assert.rejects(read(repositories(t), home, "bundle", bundle, assumed), {
    code: "ERR_LADING_REGISTRY",
  });
});

test("one level says where images are, and opens none", async (t) => {
  const home = await countedRegistry(t);
  const store = home.repository("bundle");
  const nested = await putBundle(store, { images: [{ image: `${home.host}/x@sha256:${"0".repeat(64)}` }] });
  const outer = await putBundle(store, { images: [{ image: at(home, "x", nested) }] });
  home.forget();
  const tree = await read(repositories(t), home, "bundle", outer, { depth: "one" });
  assert.deepEqual(namesOf(tree), [at(home, "bundle", outer), at(home, "bundle", nested)]);
  assert.equal(home.asked().length, 5);
});

test("a locations image that lies about a bundle is one clear error", async (t) => {
  const [home, origin] = [await countedRegistry(t), await countedRegistry(t)];
  const nested = await putBundle(origin.repository("nested"), { images: [] });
  const image = at(origin, "nested", nested);
  const bundle = await putBundle(home.repository("bundle"), { images: [{ image }] });
  await putLocations(home.repository("bundle"), bundle.digest, [{ image, isBundle: true }]);
  origin.forget();
  await assert.rejects(read(repositories(t), home, "bundle", bundle), {
    code: "ERR_LADING_NOT_FOUND",
    message: `the locations image of the bundle says that ${image} is at ${at(home, "bundle", nested)}, and it is not there`,
  });
  assert.deepEqual(origin.asked(), []);
});

test("an image that a locations image leaves out is looked for", async (t) => {
  const [home, origin] = [await countedRegistry(t), await countedRegistry(t)];
  const app = await putApp(origin.repository("app"), "app");
  const bundle = await putBundle(home.repository("bundle"), { images: [{ image: at(origin, "app", app) }] });
  await putLocations(home.repository("bundle"), bundle.digest, []);
  const tree = await read(repositories(t), home, "bundle", bundle);
  assert.deepEqual(namesOf(tree), [at(home, "bundle", bundle), at(origin, "app", app)]);
});

test("a registry that gives another manifest for a digest leads nobody in a circle", async () => {
  const store = new MemoryStore();
  const image = `liar.example/x@sha256:${"0".repeat(64)}`;
  const bundle = await putBundle(store, { images: [{ image }] });
  const liar: Source = {
    label: "liar",
    resolve: async (name) => (name.startsWith("sha256:") ? bundle : store.resolve(name)),
    body: (node) => store.body(node),
    tags: () => store.tags(),
    referrers: (subject) => store.referrers(subject),
  };
  const reference = { registry: "liar.example", repository: "bundle", digest: bundle.digest };
  await assert.rejects(
    readBundleTree({ reference, source: liar, descriptor: bundle }, { open: async () => liar }),
    {
      code: "ERR_LADING_DIGEST_MISMATCH",
    },
  );
});

test("bundles may be 100 deep and no deeper", async () => {
  const store = new MemoryStore();
  let bundle = await putBundle(store, { images: [] });
  const chain = [bundle];
  for (let depth = 1; depth <= 101; depth++) {
    bundle = await putBundle(store, { images: [{ image: `any.example/x@${bundle.digest}` }] });
    chain.push(bundle);
  }
  const readFrom = (depth: number) => {
    const descriptor = chain[depth];
    assert.ok(descriptor !== undefined);
    const reference = { registry: "any.example", repository: "bundle" };
    return readBundleTree({ reference, source: store, descriptor }, { open: async () => store });
  };
  assert.equal([...bundlesOf(await readFrom(100))].length, 101);
  await assert.rejects(readFrom(101), { code: "ERR_LADING_LIMIT", message: /nested deeper than 100 levels/ });
});

test("one source may stand for all repositories", async () => {
  const store = new MemoryStore("a tar");
  const app = await putApp(store, "app");
  const nested = await putBundle(store, { images: [{ image: `one.example/app@${app.digest}` }] });
  const outer = await putBundle(store, { images: [{ image: `two.example/nested@${nested.digest}` }] });
  const reference = { registry: "three.example", repository: "outer" };
  const tree = await readBundleTree(
    { reference, source: store, descriptor: outer },
    { open: async () => store },
  );
  const here = (name: Descriptor) => `three.example/outer@${name.digest}`;
  assert.deepEqual(namesOf(tree), [here(outer), [here(nested), here(app)]]);
  assert.ok([...bundlesOf(tree)].every(({ images }) => images.every(({ source }) => source === store)));
});

test("10,000 images take as many requests, never more at once than allowed", async () => {
  const store = new MemoryStore();
  const { layers } = await putImage(store, [tarOf(file("app"))]);
  const apps: Descriptor[] = [];
  for (let i = 0; i < 10_000; i++) {
    const annotations = { number: String(i) };
    const { manifest } = buildImage({
      layers,
      platform: { os: "linux", architecture: "amd64" },
      annotations,
    });
    await store.write({ kind: "manifest", descriptor: manifest.descriptor }, bodyOf(manifest.bytes));
    apps.push(manifest.descriptor);
  }
  const bundle = await putBundle(store, {
    images: apps.map(({ digest }) => ({ image: `any.example/x@${digest}` })),
  });
  let [open, most, total] = [0, 0, 0];
  const counted: Source = {
    label: "counted",
    resolve: async (reference, options) => {
      total++;
      most = Math.max(most, ++open);
      await new Promise((done) => setImmediate(done));
      open--;
      return store.resolve(reference, options);
    },
    body: (node) => store.body(node),
    tags: () => store.tags(),
    referrers: (subject) => store.referrers(subject),
  };
  const reference = { registry: "any.example", repository: "x" };
  const root = { reference, source: counted, descriptor: bundle };
  const tree = await readBundleTree(root, { open: async () => counted }, { concurrency: 7 });
  assert.equal(tree.images.length, 10_000);
  assert.equal(most, 7);
  // One more for the locations image that is not there.
  assert.equal(total, 10_001);
});

test("an abort ends the reading with its own reason", async (t) => {
  const home = await countedRegistry(t);
  const store = home.repository("bundle");
  const apps = await Promise.all(Array.from({ length: 10 }, (_, i) => putApp(store, `app ${i}`)));
  const bundle = await putBundle(store, { images: apps.map((app) => ({ image: at(home, "x", app) })) });
  const controller = new AbortController();
  const reason = new Error("enough");
  const reading = read(repositories(t), home, "bundle", bundle, {
    signal: controller.signal,
    on: () => controller.abort(reason),
  });
  await assert.rejects(reading, (error) => error === reason);
});
