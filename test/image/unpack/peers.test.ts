import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { createReadStream, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import test from "node:test";
import { digestOf } from "../../../src/bytes/hash.ts";
import { unpackImage, unpackLayer } from "../../../src/image/unpack/unpack.ts";
import { layerImage } from "../../support/layer-image.ts";
import { needs } from "../../support/peers.ts";
import { type EntrySpec, tarOf } from "../../support/tar.ts";
import { tempDir } from "../../support/tmp.ts";
import { treeOf } from "../../support/tree.ts";

process.umask(0o022);

/** Three layers with all that two readers could differ on. */
const layers: readonly (readonly EntrySpec[])[] = [
  [
    { name: "./", type: "directory" },
    { name: "etc/", type: "directory", mtime: 1_111_111_111 },
    { name: "etc/hosts", data: "127.0.0.1", mode: 0o640, mtime: 1_222_222_222 },
    { name: "etc/link", type: "symlink", linkName: "/etc/hosts" },
    { name: "etc/hard", type: "hardlink", linkName: "etc/hosts" },
    { name: "gone/a", data: "1" },
    { name: "opaque/", type: "directory" },
    { name: "opaque/a", data: "1" },
    { name: "opaque/sub/", type: "directory" },
    { name: "opaque/sub/b", data: "1" },
    { name: "file-then-dir", data: "1" },
    { name: "dir-then-file/", type: "directory" },
    { name: "dir-then-file/x", data: "1" },
    { name: "ro/", type: "directory", mode: 0o555, mtime: 1_333_333_333 },
    { name: "ro/file", data: "1", mode: 0o444 },
    { name: `${"long/".repeat(40)}grüße`, data: "long" },
  ],
  [
    { name: ".wh.gone" },
    { name: "opaque/", type: "directory" },
    { name: "opaque/.wh..wh..opq" },
    { name: "opaque/new", data: "2" },
    { name: "file-then-dir/", type: "directory" },
    { name: "file-then-dir/y", data: "2" },
    { name: "dir-then-file", data: "2" },
    { name: "ro/second", data: "2" },
  ],
  [
    { name: "gone/", type: "directory", mtime: 1_444_444_444 },
    { name: "gone/b", data: "3" },
    { name: "etc/.wh.hard" },
    { name: "etc/hosts2", type: "hardlink", linkName: "etc/hosts" },
  ],
];

test("the tree is the one that umoci unpacks", {
  skip: needs("umoci").skip || (process.geteuid?.() !== 0 && "needs root"),
}, async (t) => {
  const base = await tempDir(t);
  const { source, manifest, blobs } = layerImage(
    layers.map((specs) => tarOf(...specs)),
    { gzip: true },
  );
  const layout = join(base, "layout");
  mkdirSync(join(layout, "blobs", "sha256"), { recursive: true });
  writeFileSync(join(layout, "oci-layout"), '{"imageLayoutVersion":"1.0.0"}');
  for (const [digest, bytes] of [...blobs, [digestOf(manifest.raw), manifest.raw] as const]) {
    writeFileSync(join(layout, "blobs", "sha256", digest.slice("sha256:".length)), bytes);
  }
  const entry = {
    mediaType: manifest.mediaType,
    digest: digestOf(manifest.raw),
    size: manifest.raw.length,
    annotations: { "org.opencontainers.image.ref.name": "v1" },
  };
  writeFileSync(join(layout, "index.json"), JSON.stringify({ schemaVersion: 2, manifests: [entry] }));
  execFileSync("umoci", ["raw", "unpack", "--image", `${layout}:v1`, join(base, "theirs")], {
    stdio: "ignore",
  });
  await unpackImage(source, manifest, join(base, "ours"), { sameOwner: true, specialBits: true });
  const named = (line: string): boolean => !/ @/.test(line) || / (?:etc|gone|opaque|ro)\b| file/.test(line);
  const theirs = treeOf(join(base, "theirs"), { owners: true });
  assert.ok(theirs.length > 20);
  assert.deepEqual(treeOf(join(base, "ours"), { owners: true }), theirs);
  assert.deepEqual(
    treeOf(join(base, "ours"), { times: true }).filter((line) => line.startsWith("file") && named(line)),
    treeOf(join(base, "theirs"), { times: true }).filter((line) => line.startsWith("file") && named(line)),
  );
});

test("the tree is the one that GNU tar packed and unpacks", needs("tar"), async (t) => {
  const base = await tempDir(t);
  const from = join(base, "from");
  // Real files of many kinds: this runtime's own package manager is on every machine that runs the tests.
  execFileSync("cp", [
    "-a",
    join(process.env["LADING_ROOT"] ?? process.cwd(), "node_modules", "undici"),
    from,
  ]);
  execFileSync(
    "sh",
    [
      "-c",
      "mkdir -p d/e; ln index.js zz-hard; ln -s ../index.js d/up; ln -s /etc abs; chmod 500 d/e; touch 'a b' 'ü'",
    ],
    {
      cwd: from,
    },
  );
  for (const format of ["gnu", "posix"]) {
    const file = join(base, `${format}.tar.gz`);
    execFileSync("tar", [`--format=${format}`, "-C", from, "-czf", file, "."]);
    const target = join(base, format);
    const result = await unpackLayer(createReadStream(file), target);
    assert.ok(result.files > 50);
    assert.deepEqual(treeOf(target, { times: true }), treeOf(from, { times: true }));
  }
});
