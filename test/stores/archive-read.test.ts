import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdirSync, readdirSync, readFileSync, symlinkSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import test, { type TestContext } from "node:test";
import { gzipSync } from "node:zlib";
import { digestOf } from "../../src/bytes/hash.ts";
import { isLadingError } from "../../src/errors.ts";
import { mediaTypes } from "../../src/spec/media-type.ts";
import { createDockerArchive, createOciArchive } from "../../src/stores/archive/archive-writer.ts";
import { openArchive } from "../../src/stores/archive/open.ts";
import { readManifest } from "../../src/stores/read.ts";
import { everyKind, image, smallTar, writeContent } from "../support/content.ts";
import { needs } from "../support/peers.ts";
import { type EntrySpec, tarOf } from "../support/tar.ts";
import { tempDir } from "../support/tmp.ts";
import { bytesOf, rejectsWith, tagsOf } from "./contract.ts";

async function archiveOf(t: TestContext, bytes: Uint8Array): Promise<string> {
  const path = join(await tempDir(t), "archive.tar");
  writeFileSync(path, bytes);
  return path;
}

async function opened(t: TestContext, bytes: Uint8Array): ReturnType<typeof openArchive> {
  const archive = await openArchive(await archiveOf(t, bytes));
  t.after(() => archive[Symbol.asyncDispose]());
  return archive;
}

const layers = [smallTar("one", Buffer.from("one")), smallTar("two", Buffer.from("two"))];
const config = Buffer.from(
  JSON.stringify({
    architecture: "amd64",
    os: "linux",
    config: {},
    rootfs: {
      type: "layers",
      diff_ids: [digestOf(layers[0] ?? ""), digestOf(layers[1] ?? ""), digestOf(layers[0] ?? "")],
    },
  }),
);
const configName = `${createHash("sha256").update(config).digest("hex")}.json`;

/** As docker 1.10 to 24 wrote it: a folder per layer, a layer that comes twice as a link, `repositories` beside. */
function dockerSave(changes: { manifest?: unknown; entries?: readonly EntrySpec[] } = {}): Buffer {
  const manifest = changes.manifest ?? [
    {
      Config: configName,
      RepoTags: ["app:1", "registry.example/app:2"],
      Layers: ["aaa/layer.tar", "bbb/layer.tar", "ccc/layer.tar"],
    },
  ];
  return tarOf(
    { name: "aaa", type: "directory" },
    { name: "aaa/VERSION", data: "1.0" },
    { name: "aaa/layer.tar", data: layers[0] ?? "" },
    { name: "bbb/layer.tar", data: layers[1] ?? "" },
    { name: "ccc/layer.tar", type: "symlink", linkName: "../aaa/layer.tar" },
    { name: configName, data: config },
    ...(changes.entries ?? []),
    { name: "repositories", data: '{"app":{"1":"bbb"}}' },
    { name: "manifest.json", data: JSON.stringify(manifest) },
  );
}

test("reads what old docker save wrote, with links between layers", async (t) => {
  const archive = await opened(t, dockerSave());
  assert.deepEqual(await tagsOf(archive), ["app:1", "registry.example/app:2"]);
  const descriptor = await archive.resolve("");
  assert.equal(descriptor.mediaType, mediaTypes.dockerManifest);
  for (const name of ["app:1", "docker.io/library/app:1", "registry.example/app:2", descriptor.digest]) {
    assert.deepEqual(await archive.resolve(name), descriptor);
  }
  const manifest = await readManifest(archive, descriptor);
  assert.ok(manifest.kind === "image");
  assert.equal(manifest.config.digest, digestOf(config));
  assert.deepEqual(
    manifest.layers.map(({ digest, mediaType }) => [digest, mediaType]),
    [layers[0], layers[1], layers[0]].map((layer) => [digestOf(layer ?? ""), mediaTypes.dockerLayer]),
  );
  for (const [i, layer] of manifest.layers.entries()) {
    assert.deepEqual(await bytesOf(archive, { kind: "blob", descriptor: layer }), layers[i % 2]);
  }
  await rejectsWith("ERR_LADING_NOT_FOUND", archive.resolve("app:3"));
  // The same for whoever reads the same archive.
  assert.deepEqual(await (await opened(t, dockerSave())).resolve(""), descriptor);
});

test("finds the blobs of a docker archive without resolving a name first", async (t) => {
  const archive = await opened(t, dockerSave());
  const descriptor = {
    mediaType: mediaTypes.dockerLayer,
    digest: digestOf(layers[1] ?? ""),
    size: layers[1]?.length ?? 0,
  };
  assert.equal(await archive.has?.({ kind: "blob", descriptor }), true);
  assert.deepEqual(await bytesOf(archive, { kind: "blob", descriptor }), layers[1]);
});

test("layers that lie compressed in a docker archive keep their bytes and get their right type", async (t) => {
  const zipped = gzipSync(layers[1] ?? "");
  const archive = await opened(t, dockerSave({ entries: [{ name: "bbb/layer.tar", data: zipped }] }));
  const manifest = await readManifest(archive, await archive.resolve(""));
  const layer = manifest.kind === "image" ? manifest.layers[1] : undefined;
  assert.ok(layer);
  assert.deepEqual(layer, {
    mediaType: mediaTypes.dockerLayerGzip,
    size: zipped.length,
    digest: digestOf(zipped),
  });
  assert.deepEqual(await bytesOf(archive, { kind: "blob", descriptor: layer }), zipped);
});

const wrongManifests: Readonly<Record<string, readonly [unknown, string]>> = {
  "names an absent config": [[{ Config: "x.json", Layers: [] }], "ERR_LADING_NOT_FOUND"],
  "names a config outside": [[{ Config: "../../../etc/passwd", Layers: [] }], "ERR_LADING_NOT_FOUND"],
  "has too few layers": [[{ Config: configName, Layers: ["aaa/layer.tar"] }], "ERR_LADING_DOCUMENT"],
  "names an absent layer": [
    [{ Config: configName, Layers: ["aaa/layer.tar", "x", "y"] }],
    "ERR_LADING_NOT_FOUND",
  ],
  "is empty": [[], "ERR_LADING_NOT_FOUND"],
};
for (const [what, [manifest, code]] of Object.entries(wrongManifests)) {
  test(`a docker archive whose manifest.json ${what}`, async (t) => {
    const archive = await opened(t, dockerSave({ manifest }));
    await rejectsWith(code, archive.resolve(""));
  });
}

test("a manifest.json that is none is refused at once", async (t) => {
  for (const manifest of [{}, "x", [1], [{ Layers: [] }]]) {
    await rejectsWith("ERR_LADING_DOCUMENT", openArchive(await archiveOf(t, dockerSave({ manifest }))));
  }
});

test("links in an archive lead nowhere outside of it", async (t) => {
  for (const entry of [
    { name: "bbb/layer.tar", type: "symlink", linkName: "/etc/passwd" },
    { name: "bbb/layer.tar", type: "symlink", linkName: "../../../../etc/passwd" },
    { name: "bbb/layer.tar", type: "symlink", linkName: "layer.tar" },
    { name: "bbb/layer.tar", type: "hardlink", linkName: "/etc/passwd" },
    { name: "bbb/layer.tar", type: "fifo" },
  ] as const) {
    const archive = await opened(t, dockerSave({ entries: [entry] }));
    await rejectsWith("ERR_LADING_NOT_FOUND", archive.resolve(""));
  }
});

async function ociArchive(t: TestContext): Promise<string> {
  const path = join(await tempDir(t), "oci.tar");
  const sink = await createOciArchive(path);
  await writeContent(sink, image(), "v1");
  await sink.commit();
  return path;
}

test("reads archives that are compressed, and leaves nothing of the unpacking", needs("zstd"), async (t) => {
  const path = await ociArchive(t);
  const tempFolder = await tempDir(t);
  const gz = await archiveOf(t, gzipSync(readFileSync(path)));
  const zst = `${path}.zst`;
  execFileSync("zstd", ["-q", path, "-o", zst]);
  for (const each of [gz, zst]) {
    const archive = await openArchive(each, { tempDir: tempFolder });
    assert.deepEqual(readdirSync(tempFolder), []);
    assert.equal((await archive.resolve("v1")).digest, image().root.digest);
    for (const node of image().nodes) assert.deepEqual(await bytesOf(archive, node), node.bytes);
    await archive[Symbol.asyncDispose]();
  }
  await rejectsWith("ERR_LADING_LIMIT", openArchive(gz, { maxBytes: 1000 }));
  truncateSync(gz, 2000);
  await rejectsWith("ERR_LADING_ARCHIVE", openArchive(gz));
});

test("an archive that is cut anywhere is refused, or its content is", async (t) => {
  const path = await ociArchive(t);
  const whole = readFileSync(path);
  for (let size = 0; size < whole.length - 1024; size += 487) {
    const cut = await archiveOf(t, whole.subarray(0, size));
    await assert.rejects(
      openArchive(cut),
      (error) => isLadingError(error) && error.code === "ERR_LADING_ARCHIVE",
      `${size}`,
    );
  }
  // Without the end blocks it is still whole: all tars are read so.
  for (const size of [whole.length - 1024, whole.length - 512]) {
    const archive = await opened(t, whole.subarray(0, size));
    for (const node of image().nodes) assert.deepEqual(await bytesOf(archive, node), node.bytes);
  }
});

test("what is no archive of images says so", async (t) => {
  for (const bytes of [
    Buffer.from("hello"),
    Buffer.alloc(5000, 7),
    tarOf({ name: "x", data: "x" }),
    Buffer.alloc(0),
  ]) {
    await rejectsWith("ERR_LADING_ARCHIVE", openArchive(await archiveOf(t, bytes)));
  }
  await assert.rejects(
    openArchive(await archiveOf(t, tarOf({ name: "repositories", data: "{}" }))),
    (error) => isLadingError(error) && /1\.10/.test(error.hint ?? ""),
  );
  const folder = await tempDir(t);
  await rejectsWith("ERR_LADING_STORE", openArchive(folder));
  await rejectsWith("ERR_LADING_NOT_FOUND", openArchive(join(folder, "absent.tar")));
});

test("an archive may be reached by a link, and its names may begin with ./", async (t) => {
  const path = await ociArchive(t);
  const link = join(await tempDir(t), "link.tar");
  symlinkSync(path, link);
  const archive = await openArchive(link);
  assert.deepEqual(await tagsOf(archive), ["v1"]);
  await archive[Symbol.asyncDispose]();
  const folder = await tempDir(t);
  execFileSync("tar", ["-xf", path, "-C", folder]);
  const packed = join(await tempDir(t), "packed.tar");
  execFileSync("tar", ["-cf", packed, "-C", folder, "."]);
  const again = await openArchive(packed);
  t.after(() => again[Symbol.asyncDispose]());
  assert.equal((await again.resolve("v1")).digest, image().root.digest);
});

for (const [kind, create] of [
  ["oci-archive", createOciArchive],
  ["docker-archive", createDockerArchive],
] as const) {
  test(`an ${kind} of the same content has the same bytes`, async (t) => {
    const made: Buffer[] = [];
    for (let i = 0; i < 2; i++) {
      const path = join(await tempDir(t), `${i}.tar`);
      const sink = await create(path);
      const contents = Object.values(everyKind());
      for (const [n, content] of contents.entries()) {
        // Names are given in another order, at once.
        await writeContent(sink, content);
        if (i === 1) continue;
        await sink.tag(content.root, `example.com/app:${n}`);
      }
      if (i === 1) {
        const tags = contents.map((content, n) => sink.tag(content.root, `example.com/app:${n}`));
        await Promise.all(tags.reverse());
      }
      await sink.commit();
      made.push(readFileSync(path));
    }
    assert.ok(made[0]?.equals(made[1] ?? Buffer.alloc(0)));
  });

  test(`an ${kind} is written by one process at a time, and replaces what is there only when it is whole`, async (t) => {
    const folder = await tempDir(t);
    const path = join(folder, "archive.tar");
    writeFileSync(path, "what was there");
    const first = await create(path);
    await rejectsWith("ERR_LADING_CONFLICT", create(path));
    await writeContent(first, image({ seed: 1 }), "example.com/app:1");
    await first[Symbol.asyncDispose]();
    assert.equal(readFileSync(path, "utf8"), "what was there");
    assert.deepEqual(readdirSync(folder), ["archive.tar"]);
    const second = await create(path);
    await writeContent(second, image({ seed: 2 }), "example.com/app:2");
    await second.commit();
    await second[Symbol.asyncDispose]();
    const archive = await openArchive(path);
    assert.deepEqual(await tagsOf(archive), ["example.com/app:2"]);
    await archive[Symbol.asyncDispose]();
    assert.deepEqual(readdirSync(folder), ["archive.tar"]);
  });
}

test("a write that failed and was not made good keeps the archive from appearing", async (t) => {
  const path = join(await tempDir(t), "archive.tar");
  const sink = await createOciArchive(path);
  const content = image();
  const [layer] = content.nodes;
  assert.ok(layer);
  const bad = { size: layer.bytes.length, open: async () => Promise.reject(new Error("gone")) };
  await assert.rejects(sink.write(layer, bad), /gone/);
  await rejectsWith("ERR_LADING_MISSING_CONTENT", sink.commit());
  await writeContent(sink, content, "v1");
  await sink.commit();
  await sink[Symbol.asyncDispose]();
});

test("an archive cannot be where its folder is not, or where a folder is", async (t) => {
  const folder = await tempDir(t);
  await rejectsWith("ERR_LADING_NOT_FOUND", createOciArchive(join(folder, "no", "archive.tar")));
  mkdirSync(join(folder, "is-folder"));
  await rejectsWith("ERR_LADING_STORE", createOciArchive(join(folder, "is-folder")));
  assert.deepEqual(readdirSync(folder), ["is-folder"]);
});

test("names that mean several images in an archive of docker are told apart", async (t) => {
  const path = join(await tempDir(t), "docker.tar");
  const contents = [image({ seed: 1 }), image({ seed: 2 })];
  const manifests = contents.map(({ root }, i) => ({
    ...root,
    annotations: {
      "io.containerd.image.name": `docker.io/library/app${i}:1`,
      "org.opencontainers.image.ref.name": "1",
    },
  }));
  const nodes = contents.flatMap((content) => content.nodes);
  writeFileSync(
    path,
    tarOf(
      { name: "oci-layout", data: '{"imageLayoutVersion":"1.0.0"}' },
      { name: "index.json", data: JSON.stringify({ schemaVersion: 2, manifests }) },
      ...nodes.map(({ descriptor, bytes }) => ({
        name: `blobs/${descriptor.digest.replace(":", "/")}`,
        data: bytes,
      })),
    ),
  );
  const archive = await openArchive(path);
  for (const [i, content] of contents.entries()) {
    assert.equal((await archive.resolve(`docker.io/library/app${i}:1`)).digest, content.root.digest);
  }
  await rejectsWith("ERR_LADING_REFERENCE", archive.resolve("1"));
  await archive[Symbol.asyncDispose]();
});
