import assert from "node:assert/strict";
import test from "node:test";
import { describeBundle } from "../../../src/bundle/describe/describe.ts";
import type { DescribeOptions } from "../../../src/bundle/describe/describe-tree.ts";
import type { BundleDescription } from "../../../src/bundle/describe/model.ts";
import { describeYaml } from "../../../src/bundle/describe/yaml.ts";
import { formatImagesLock, lockOf } from "../../../src/bundle/documents/images-lock.ts";
import { bundleLabel } from "../../../src/bundle/documents/names.ts";
import { stepsOf } from "../../../src/bundle/steps.ts";
import { bodyOf } from "../../../src/bytes/body.ts";
import { digestOf } from "../../../src/bytes/hash.ts";
import { describeText } from "../../../src/cli/describe-text.ts";
import type { Descriptor } from "../../../src/spec/descriptor.ts";
import { mediaTypes } from "../../../src/spec/media-type.ts";
import { parseReference } from "../../../src/spec/reference.ts";
import { MemoryStore } from "../../../src/stores/memory.ts";
import { createRegistryClient, type RegistryClient } from "../../../src/stores/registry/client.ts";
import type { RegistryStore } from "../../../src/stores/registry/repository.ts";
import type { Sink } from "../../../src/stores/store.ts";
import { putBundle, putCosign, putLocations } from "../../support/bundle-image.ts";
import { counted } from "../../support/counted-source.ts";
import { type FaultProxy, startFaultProxy } from "../../support/fault-proxy.ts";
import { file, putImage, type TestImage, tarOf } from "../../support/image.ts";
import { startRegistry } from "../../support/registry.ts";

interface Shop {
  readonly host: string;
  readonly proxy: FaultProxy;
  readonly client: RegistryClient;
  store(repository: string): RegistryStore;
  describe(name: string, options?: DescribeOptions): Promise<BundleDescription>;
}

/** A registry behind a proxy that sees every request of `describe`, and of nobody else. */
async function shop(t: test.TestContext): Promise<Shop> {
  const { host: behind } = await startRegistry(t);
  const proxy = await startFaultProxy(t, behind);
  const writer = createRegistryClient();
  t.after(() => writer.close());
  const client = createRegistryClient();
  t.after(() => client.close());
  return {
    host: proxy.host,
    proxy,
    client,
    store: (repository) => writer.repository({ registry: behind, repository }),
    describe: (path, options = {}) => {
      const name = `${proxy.host}/${path}`;
      const reference = parseReference(name);
      return describeBundle(
        { name, reference, source: client.repository(reference) },
        { open: async (location) => client.repository(location) },
        options,
      );
    },
  };
}

const app = (store: Sink, name = "app"): Promise<TestImage> =>
  putImage(store, [tarOf(file(`${name}.base`)), tarOf(file(name))]);

test("a bundle in a bundle: text and YAML with signature, annotations, locations and metadata", async (t) => {
  const { host, store, describe } = await shop(t);
  const x = store("x");
  const image = await app(x);
  const nested = await putBundle(x, { images: [{ image: `${host}/origin@${image.descriptor.digest}` }] });
  const outer = await putBundle(x, {
    images: [
      {
        image: `${host}/nested@${nested.digest}`,
        annotations: { "some.key": "value", story: "once\nupon" },
      },
    ],
    metadata:
      "apiVersion: imgpkg.carvel.dev/v1alpha1\nkind: Bundle\nmetadata:\n  name: outer\nauthors:\n- name: Jo\n  email: jo@example.com\nwebsites:\n- url: https://example.com\n",
    tag: "v1",
  });
  const signature = await putCosign(x, image.descriptor.digest, "sig");
  const locations = await putLocations(x, outer.digest, [
    { image: `${host}/nested@${nested.digest}`, isBundle: true },
  ]);
  const [base, top] = image.manifest.layers;
  const layerOf = async ({ digest }: Descriptor) => {
    const body = await x.body({ kind: "manifest", descriptor: await x.resolve(digest) }).open({ offset: 0 });
    const chunks: Uint8Array[] = [];
    for await (const chunk of body) chunks.push(chunk);
    return JSON.parse(Buffer.concat(chunks).toString()).layers[0].digest as string;
  };

  const description = await describe("x:v1");
  assert.equal(
    describeText(description).join("\n"),
    `Bundle SHA: ${outer.digest}
Metadata:
  name: outer
Authors:
  - Jo <jo@example.com>
Websites:
  - https://example.com

Images:
  - Image: ${host}/x@${nested.digest}
    Type: Bundle
    Origin: ${host}/nested@${nested.digest}
    Layers:
      - Digest: ${await layerOf(nested)}
    Annotations:
      some.key: value
      story: |
        once
        upon
    Images:
${[
  `    - Image: ${host}/x@${image.descriptor.digest}
      Type: Image
      Origin: ${host}/origin@${image.descriptor.digest}
      Layers:
        - Digest: ${base?.digest}
        - Digest: ${top?.digest}`,
  `    - Image: ${host}/x@${signature.digest}
      Type: Signature
      Layers:
        - Digest: ${await layerOf(signature)}
      Annotations:
        tag: ${image.descriptor.digest.replace(":", "-")}.sig`,
]
  .sort()
  .join("\n")}
  - Image: ${host}/x@${locations.digest}
    Type: Internal
    Layers:
      - Digest: ${await layerOf(locations)}`,
  );

  const yaml = describeYaml(await describe(`x@${outer.digest}`, { layers: false, cosignArtifacts: false }));
  assert.equal(
    yaml,
    `sha: ${outer.digest}
content:
  bundles:
    ${nested.digest}:
      annotations:
        some.key: value
        story: |-
          once
          upon
      content:
        images:
          ${image.descriptor.digest}:
            image: ${host}/x@${image.descriptor.digest}
            imageType: Image
            origin: ${host}/origin@${image.descriptor.digest}
      image: ${host}/x@${nested.digest}
      metadata: {}
      origin: ${host}/nested@${nested.digest}
  images:
    ${locations.digest}:
      image: ${host}/x@${locations.digest}
      imageType: Internal
      origin: ${host}/x@${locations.digest}
image: ${host}/x@${outer.digest}
metadata:
  authors:
  - email: jo@example.com
    name: Jo
  metadata:
    name: outer
  websites:
  - url: https://example.com
origin: ${host}/x@${outer.digest}
`,
  );
});

test("signatures, attestations and SBOMs of the bundle itself and of its images", async (t) => {
  const { host, store, describe } = await shop(t);
  const x = store("x");
  const image = await app(x);
  const bundle = await putBundle(x, {
    images: [{ image: `${host}/x@${image.descriptor.digest}` }],
    tag: "v1",
  });
  const sig = await putCosign(x, bundle.digest, "sig");
  const att = await putCosign(x, image.descriptor.digest, "att");
  const sbom = await putCosign(x, image.descriptor.digest, "sbom");
  const { content } = await describe("x:v1", { layers: false });
  assert.deepEqual(
    Object.entries(content.images ?? {})
      .map(([key, each]) => `${each.imageType} ${key}`)
      .sort(),
    [
      `Attestation ${att.digest}`,
      `Image ${image.descriptor.digest}`,
      `SBOM ${sbom.digest}`,
      `Signature ${sig.digest}`,
    ],
  );
  assert.deepEqual(Object.keys(content.images ?? {}), Object.keys(content.images ?? {}).sort());
});

test("signatures that may not be seen are entries that say so", async (t) => {
  const { host, proxy, store, describe } = await shop(t);
  const x = store("x");
  const image = await app(x);
  await putBundle(x, { images: [{ image: `${host}/x@${image.descriptor.digest}` }], tag: "v1" });
  const { digest } = image.descriptor;
  proxy.script({
    match: { path: new RegExp(`manifests/${digest.replace(":", "-")}\\.(sig|att|sbom)$`) },
    times: 100,
    action: { kind: "status", status: 403, body: '{"errors":[{"code":"DENIED","message":"no"}]}' },
  });
  const description = await describe("x:v1", { layers: false });
  const denied = `${host}/x:${digest.replace(":", "-")}.sig`;
  assert.deepEqual(description.content.images?.[denied], {
    error: "access denied",
    imageType: "Signature",
  });
  assert.deepEqual(Object.keys(description.content.images ?? {}), [denied, digest].sort());
  assert.deepEqual(describeText(description).slice(3, 6), [
    `  - Image: ${denied}`,
    "    Type: Signature",
    "    Error: access denied",
  ]);
});

test("wrong credentials for signatures are no such entries: they fail, and say for which image", async (t) => {
  const { host, proxy, store, describe } = await shop(t);
  const x = store("x");
  const image = await app(x);
  await putBundle(x, { images: [{ image: `${host}/x@${image.descriptor.digest}` }], tag: "v1" });
  proxy.script({
    match: { path: /\.sig$/ },
    times: 100,
    action: { kind: "status", status: 401, headers: { "www-authenticate": 'Basic realm="x"' } },
  });
  await assert.rejects(describe("x:v1"), (error: { code?: string }) => {
    assert.equal(error.code, "ERR_LADING_UNAUTHORIZED");
    const [outer, inner, ...more] = stepsOf(error);
    assert.equal(outer, "Retrieving Images from bundle");
    assert.match(inner ?? "", /^Fetching signature for image '127\.0\.0\.1:/);
    assert.deepEqual(more, []);
    return true;
  });
});

test("an index shows its platforms; the layers are those for linux/amd64 where it has that", async (t) => {
  const { host, store, describe } = await shop(t);
  const x = store("x");
  const arm = await putImage(x, [tarOf(file("arm"))], { platform: { os: "linux", architecture: "arm64" } });
  const amd = await app(x, "amd");
  const index = async (children: readonly { image: TestImage; architecture: string }[]) => {
    const bytes = Buffer.from(
      JSON.stringify({
        schemaVersion: 2,
        mediaType: mediaTypes.ociIndex,
        manifests: children.map(({ image: { descriptor }, architecture }) => ({
          ...descriptor,
          platform: { os: "linux", architecture },
        })),
      }),
    );
    const descriptor = { mediaType: mediaTypes.ociIndex, digest: digestOf(bytes), size: bytes.length };
    await x.write({ kind: "manifest", descriptor }, bodyOf(bytes));
    return descriptor.digest;
  };
  const only = await index([{ image: arm, architecture: "arm64" }]);
  const both = await index([
    { image: arm, architecture: "arm64" },
    { image: amd, architecture: "amd64" },
  ]);
  await putBundle(x, { images: [only, both].map((digest) => ({ image: `${host}/x@${digest}` })), tag: "v1" });
  const description = await describe("x:v1");
  const { [only]: first, [both]: second } = description.content.images ?? {};
  const platforms = [
    { digest: arm.descriptor.digest, platform: "linux/arm64" },
    { digest: amd.descriptor.digest, platform: "linux/amd64" },
  ];
  assert.deepEqual(first, {
    image: `${host}/x@${only}`,
    imageType: "Image",
    origin: `${host}/x@${only}`,
    platforms: platforms.slice(0, 1),
  });
  assert.deepEqual(second, {
    image: `${host}/x@${both}`,
    imageType: "Image",
    layers: amd.manifest.layers.map(({ digest }) => ({ digest })),
    origin: `${host}/x@${both}`,
    platforms,
  });
  assert.match(
    describeText(description).join("\n"),
    new RegExp(`    Platforms:\n      - Digest: ${arm.descriptor.digest}\n        Platform: linux/arm64\n`),
  );
});

test("a bundle of OCI's media types with two layers is described, with both", async () => {
  const x = new MemoryStore("x");
  const { digest } = (await app(x)).descriptor;
  const lock = formatImagesLock(lockOf([{ image: `example.com/x@${digest}` }]));
  const { descriptor, manifest } = await putImage(
    x,
    [tarOf({ name: ".imgpkg/" }, file(".imgpkg/images.yml", lock)), tarOf(file("config.yml"))],
    { labels: { [bundleLabel]: "" } },
  );
  const description = await describeBundle(
    { name: "x", reference: parseReference(`example.com/x@${descriptor.digest}`), source: x },
    { open: async () => x },
  );
  assert.equal(descriptor.mediaType, mediaTypes.ociManifest);
  assert.deepEqual(
    description.layers,
    manifest.layers.map((layer) => ({ digest: layer.digest })),
  );
  assert.deepEqual(Object.keys(description.content.images ?? {}), [digest]);
});

test("an image that is no bundle, and one that is not there, are told apart", async (t) => {
  const { host, store, describe } = await shop(t);
  await putImage(store("x"), [tarOf(file("a"))], { tag: "v1" });
  await assert.rejects(describe("x:v1"), {
    message: `Only bundles can be described, and ${host}/x:v1 is not a bundle`,
  });
  await assert.rejects(describe("x:v2"), (error: { code?: string }) => {
    assert.equal(error.code, "ERR_LADING_NOT_FOUND");
    assert.deepEqual(stepsOf(error), [`Unable to check if ${host}/x:v2 is a bundle`]);
    return true;
  });
});

test("300 images, named twice: everything is asked for once, and few things at a time", async () => {
  const x = new MemoryStore("x");
  const images: { image: string }[] = [];
  for (let i = 0; i < 300; i++) {
    const { descriptor } = await putImage(x, [tarOf(file(`app ${i}`))]);
    images.push({ image: `example.com/x@${descriptor.digest}` });
  }
  const nested = await putBundle(x, { images });
  await putBundle(x, { images: [{ image: `example.com/x@${nested.digest}` }, ...images], tag: "v1" });
  const source = counted(x);
  const description = await describeBundle(
    { name: "x", reference: parseReference("example.com/x:v1"), source },
    { open: async () => source },
    { concurrency: 4 },
  );
  assert.equal(Object.keys(description.content.images ?? {}).length, 300);
  const [within] = Object.values(description.content.bundles ?? {});
  assert.equal(Object.keys(within?.content.images ?? {}).length, 300);
  assert.ok(source.most > 1 && source.most <= 4, `${source.most} at the same time`);
  const signatures = source.asked.filter((what) => what.endsWith(".sig"));
  assert.equal(signatures.length, 302);
  assert.equal(new Set(signatures).size, 302);
});

test("bundles that name each other's bundles make a tree that is too large, and one error", async () => {
  const x = new MemoryStore("x");
  const { descriptor } = await putImage(x, [tarOf(file("app"))]);
  let level = [descriptor.digest];
  // Each level names the one below it twice: 2^20 entries in 40 bundles.
  for (let depth = 0; depth < 20; depth++) {
    const next: typeof level = [];
    for (const metadata of ["metadata:\n  side: left\n", "metadata:\n  side: right\n"]) {
      const images = level.map((digest) => ({ image: `example.com/x@${digest}` }));
      next.push((await putBundle(x, { images, metadata })).digest);
    }
    level = next;
  }
  const reference = parseReference(`example.com/x@${level[0]}`);
  await assert.rejects(
    describeBundle({ name: "x", reference, source: x }, { open: async () => x }, { layers: false }),
    { code: "ERR_LADING_LIMIT" },
  );
});
