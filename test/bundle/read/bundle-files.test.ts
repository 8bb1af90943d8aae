import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import test from "node:test";
import { readBundleFiles } from "../../../src/bundle/read/bundle-files.ts";
import { stepsOf } from "../../../src/bundle/steps.ts";
import { digestOf } from "../../../src/bytes/hash.ts";
import { isLadingError } from "../../../src/errors.ts";
import { buildImage, type ImageLayer } from "../../../src/image/document.ts";
import { parseManifest } from "../../../src/spec/manifest.ts";
import { MemoryStore } from "../../../src/stores/memory.ts";
import { file, hardlink, putBlob, putImage, symlink, type TestEntry, tarOf } from "../../support/image.ts";
import { layerImage } from "../../support/layer-image.ts";
import { needs } from "../../support/peers.ts";
import { observed, sampleBundle } from "../../support/sample-bundle.ts";

const version = "apiVersion: imgpkg.carvel.dev/v1alpha1\nkind: ImagesLock\n";

/** A lock with one image, told by one hex digit. */
function lock(hex: string): string {
  return `${version}images:\n- image: a.example/b@sha256:${hex.repeat(64)}\n`;
}

/** The digit of the lock that is found in an image of these layers, lowest first. */
async function found(layers: readonly (readonly TestEntry[])[]): Promise<string | undefined> {
  const { source, manifest } = layerImage(
    layers.map((entries) => tarOf(...entries)),
    { gzip: true },
  );
  const { lock } = await readBundleFiles(source, manifest);
  return lock.images[0]?.reference.digest.at(-1);
}

test("the documents of the bundle that imgpkg pushed are read from its bytes", async () => {
  const store = new MemoryStore();
  const manifest = parseManifest(await observed("bundle-manifest.json"));
  assert.ok(manifest.kind === "image");
  await putBlob(store, await observed("bundle-layer.tar.gz"), manifest.layers[0]?.mediaType ?? "");
  assert.equal(manifest.layers[0]?.digest, sampleBundle.layer);
  const { lock, metadata } = await readBundleFiles(store, manifest);
  assert.deepEqual(
    lock.images.map(({ image, annotations }) => ({ image, annotations })),
    [
      {
        image:
          "index.docker.io/dkalinin/k8s-simple-app@sha256:4c8b96d4fffdfae29258d94a22ae4ad1fe36139d47288b8960d9958d1e63a9d0",
        annotations: { "kbld.carvel.dev/id": "docker.io/dkalinin/k8s-simple-app" },
      },
    ],
  );
  assert.deepEqual(metadata, {
    metadata: { name: "basic" },
    authors: [{ name: "Carvel Team", email: "carvel@vmware.com" }],
    websites: [{ url: "carvel.dev/imgpkg" }],
  });
});

test("layers are read by what they are: plain, gzip or zstd, of OCI's types or Docker's", async () => {
  const tar = tarOf(file("./.imgpkg/images.yml", lock("1")));
  for (const format of ["oci", "docker"] as const) {
    for (const compression of ["gzip", "none"] as const) {
      const store = new MemoryStore();
      const { manifest } = await putImage(store, [tar], { format, compression });
      assert.equal((await readBundleFiles(store, manifest)).lock.images.length, 1);
    }
  }
});

test("a layer of zstd is read", needs("zstd"), async () => {
  const store = new MemoryStore();
  const tar = tarOf(file(".imgpkg/images.yml", lock("1")));
  const mediaType = "application/vnd.oci.image.layer.v1.tar+zstd";
  const layer: ImageLayer = {
    descriptor: await putBlob(store, execFileSync("zstd", { input: tar }), mediaType),
    diffId: digestOf(tar),
  };
  const built = buildImage({ layers: [layer], platform: { os: "linux", architecture: "amd64" } });
  const manifest = parseManifest(built.manifest.bytes);
  assert.ok(manifest.kind === "image");
  assert.equal((await readBundleFiles(store, manifest)).lock.images.length, 1);
});

test("of several layers the upper ones win", async () => {
  const lower = [file(".imgpkg/images.yml", lock("1"))];
  assert.equal(await found([lower, [file(".imgpkg/images.yml", lock("2"))]]), "2");
  assert.equal(await found([lower, [file("other")]]), "1");
  assert.equal(
    await found([[file(".imgpkg/images.yml", lock("1")), file(".imgpkg/images.yml", lock("2"))]]),
    "2",
  );
  // A whiteout is about lower layers, wherever it stands in its own.
  assert.equal(
    await found([lower, [file(".imgpkg/images.yml", lock("2")), file(".imgpkg/.wh.images.yml", "")]]),
    "2",
  );
  assert.equal(await found([lower, [file(".wh..imgpkg", "")], [file(".imgpkg/images.yml", lock("3"))]]), "3");
});

const missing: Readonly<Record<string, readonly TestEntry[]>> = {
  "a whiteout of it": [file(".imgpkg/.wh.images.yml", "")],
  "a whiteout of its folder": [file(".wh..imgpkg", "")],
  "an opaque folder": [file(".imgpkg/.wh..wh..opq", "")],
  "an opaque root": [file(".wh..wh..opq", "")],
  "a folder in its place": [{ name: ".imgpkg/images.yml/" }],
  "a file in place of its folder": [file(".imgpkg", "")],
  "a link in place of its folder": [symlink(".imgpkg", "elsewhere")],
  "a symbolic link in its place": [symlink(".imgpkg/images.yml", "/etc/passwd")],
  "a hard link in its place": [hardlink(".imgpkg/images.yml", "config.yml")],
};

for (const [name, entries] of Object.entries(missing)) {
  test(`a bundle has no lock after ${name}`, async () => {
    await assert.rejects(found([[file(".imgpkg/images.yml", lock("1"))], entries]), (error: unknown) => {
      assert.ok(isLadingError(error));
      assert.equal(error.message, "Expected to find .imgpkg/images.yml in bundle image");
      assert.deepEqual(stepsOf(error), ["Reading Images from Bundle", "Reading ImagesLock file"]);
      return true;
    });
  });
}

test("a lock elsewhere is none", async () => {
  await assert.rejects(found([[file("images.yml", lock("1")), file("x/.imgpkg/images.yml", lock("1"))]]), {
    message: "Expected to find .imgpkg/images.yml in bundle image",
  });
});

test("a layer that is no tar, and no layer at all, are refused in imgpkg's words", async () => {
  const { source, manifest } = layerImage([tarOf(file("a"))]);
  const [layer] = manifest.layers;
  assert.ok(layer !== undefined);
  const chart = { ...layer, mediaType: "application/vnd.cncf.helm.chart.content.v1.tar+gzip" };
  await assert.rejects(readBundleFiles(source, { ...manifest, layers: [chart] }), {
    message: `Expected layer to have docker layer media type, was ${chart.mediaType}`,
  });
  await assert.rejects(readBundleFiles(source, { ...manifest, layers: [] }), {
    message: "Expected bundle to only have a single layer, got 0",
  });
});

test("a lock from a layer that is not what its digest says is not used", async () => {
  const { source, manifest, blobs } = layerImage([
    tarOf(file(".imgpkg/images.yml", lock("1")), file("last", "right")),
  ]);
  const digest = manifest.layers[0]?.digest;
  assert.ok(digest !== undefined);
  const right = Buffer.from(blobs.get(digest) ?? []);
  // The lock is whole, and the change comes long after it.
  blobs.set(digest, Buffer.from(right.toString("latin1").replace("right", "wrong"), "latin1"));
  await assert.rejects(readBundleFiles(source, manifest), { code: "ERR_LADING_DIGEST_MISMATCH" });
  blobs.set(digest, right.subarray(0, right.length - 512));
  await assert.rejects(readBundleFiles(source, manifest), { code: "ERR_LADING_SIZE_MISMATCH" });
  blobs.set(digest, Buffer.concat([right, Buffer.alloc(512)]));
  await assert.rejects(readBundleFiles(source, manifest), { code: "ERR_LADING_SIZE_MISMATCH" });
});

test("a lock that is too large is refused, a description that is too large is left out", async () => {
  const large = `# ${"x".repeat(9 * 1024 * 1024)}`;
  await assert.rejects(found([[file(".imgpkg/images.yml", large)]]), {
    code: "ERR_LADING_LIMIT",
    message: /^\.imgpkg\/images\.yml has \d+ bytes; at most \d+ are read$/,
  });
  const { source, manifest } = layerImage([
    tarOf(file(".imgpkg/bundle.yml", large), file(".imgpkg/images.yml", version)),
  ]);
  assert.deepEqual(await readBundleFiles(source, manifest), { lock: { images: [] }, metadata: undefined });
});

test("an error in a lock names the bundle and the path within", async () => {
  const { source, manifest } = layerImage([
    tarOf(file(".imgpkg/images.yml", `${version}images:\n- image: a:b\n`)),
  ]);
  await assert.rejects(readBundleFiles(source, manifest), {
    message: "Validating images lock: Expected ref to be in digest form, got 'a:b'",
    place: "memory of the test: .imgpkg/images.yml: images[0].image",
  });
});

test("lower layers are not fetched once all is found", async () => {
  const store = new MemoryStore();
  const { manifest } = await putImage(store, [
    tarOf(file("lower")),
    tarOf(file(".imgpkg/images.yml", lock("1")), file(".imgpkg/bundle.yml", "metadata: {name: a}\n")),
  ]);
  const fetched: string[] = [];
  const source = {
    ...{ label: "counted", tags: () => store.tags() },
    resolve: (name: string) => store.resolve(name),
    referrers: (digest: Parameters<typeof store.referrers>[0]) => store.referrers(digest),
    body: (node: Parameters<typeof store.body>[0]) => {
      fetched.push(node.descriptor.digest);
      return store.body(node);
    },
  };
  await readBundleFiles(source, manifest);
  assert.deepEqual(fetched, [manifest.layers[1]?.digest]);
});
