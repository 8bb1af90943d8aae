import assert from "node:assert/strict";
import { chmod, link, mkdir, symlink, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import test from "node:test";
import { packBundle, packImage } from "../../../src/bundle/push/pack.ts";
import { mediaTypes } from "../../../src/spec/media-type.ts";
import { readBytes, readManifest } from "../../../src/stores/read.ts";
import { sampleBundle, writeSampleBundle } from "../../support/sample-bundle.ts";
import { tempDir } from "../../support/tmp.ts";
import { digestOf, packed, pathsOf } from "./packed.ts";

/** The folder of which imgpkg's digests are known besides the sample's, written in the order given. */
async function writePlainFiles(folder: string, order: readonly ("hello" | "run")[]): Promise<string> {
  for (const which of order) {
    if (which === "hello") await writeFile(join(folder, "hello.txt"), "hello\n");
    else {
      await mkdir(join(folder, "sub"));
      await writeFile(join(folder, "sub/run.sh"), "#!/bin/sh\necho hi\n");
      await chmod(join(folder, "sub/run.sh"), 0o755);
    }
  }
  return folder;
}

const plain = "sha256:65f2520758b8d82c795eef2826965affb6c6b210d636cfbbc4fac759763f083f";

test("a bundle and one of its files have the digests that imgpkg gives them", async (t) => {
  const folder = await writeSampleBundle(await tempDir(t));
  assert.equal(await digestOf(t, packBundle, [folder]), sampleBundle.manifest);
  assert.equal(
    await digestOf(t, packImage, [join(folder, "config.yml")]),
    "sha256:ea3742a200bf4523914773150389e8a7e84e023e150b73395dffe43dc9cf507e",
  );
});

test("an image of a folder has the digests that imgpkg gives it, all of them", async (t) => {
  const { image } = await packed(t, packImage, [await writePlainFiles(await tempDir(t), ["hello", "run"])]);
  assert.equal(image.root.digest, plain);
  const manifest = await readManifest(image, image.root);
  assert.ok(manifest.kind === "image");
  assert.equal(manifest.config.size, 273);
  assert.equal(
    manifest.config.digest,
    "sha256:23888617a448d88860fa6ac8fbd5e0bacc362496049b4685b716b056cebd527c",
  );
  assert.deepEqual(
    manifest.layers.map(({ digest, size }) => [digest, size]),
    [["sha256:72e572baed943ee7f38e2eb541165ba946278b9ecdfbb4c2f0c909f1b50becd4", 197]],
  );
});

test("no files are an empty image, and imgpkg's", async (t) => {
  const { image, entries } = await packed(t, packImage, []);
  assert.equal(image.root.digest, "sha256:12798cbf035884be93b90ba6f2c6148aafe6b8cd64b58ceefcf46ca7327c5296");
  assert.deepEqual(entries, []);
});

test("neither a umask nor owners, times, links and the order of writing show in a digest", async (t) => {
  const folder = await writePlainFiles(await tempDir(t), ["run", "hello"]);
  assert.equal(await digestOf(t, packImage, [folder]), plain);
  await chmod(join(folder, "hello.txt"), 0o666);
  await chmod(join(folder, "sub/run.sh"), 0o700);
  await chmod(join(folder, "sub"), 0o711);
  await utimes(join(folder, "hello.txt"), 1_234_567, 1_234_567);
  assert.equal(await digestOf(t, packImage, [folder]), plain);
  // The same file under two names is two files.
  const linked = await tempDir(t);
  await link(join(folder, "hello.txt"), join(linked, "hello.txt"));
  await mkdir(join(linked, "sub"));
  await link(join(folder, "sub/run.sh"), join(linked, "sub/run.sh"));
  assert.equal(await digestOf(t, packImage, [linked]), plain);
  // What the owner may do does show.
  await chmod(join(folder, "hello.txt"), 0o744);
  assert.notEqual(await digestOf(t, packImage, [folder]), plain);
});

test("a link is followed where it is named itself", async (t) => {
  const dir = await tempDir(t);
  await mkdir(join(dir, "real"));
  await writePlainFiles(join(dir, "real"), ["hello", "run"]);
  await symlink("real", join(dir, "link"));
  assert.equal(await digestOf(t, packImage, [join(dir, "link")]), plain);
  await symlink("real/hello.txt", join(dir, "called-so"));
  assert.deepEqual(await pathsOf(t, packImage, [join(dir, "called-so")]), ["called-so"]);
});

test("entries stand in the order of a walk: a folder, what is in it, and then names that are longer", async (t) => {
  const dir = await tempDir(t);
  await mkdir(join(dir, "a/b"), { recursive: true });
  await mkdir(join(dir, "empty"));
  for (const name of ["a.txt", "a/x", "a/b/c", "B", "é", "\u{1f600}", "\uff5e", "a-b"]) {
    await writeFile(join(dir, name), name);
  }
  assert.deepEqual(await pathsOf(t, packImage, [dir]), [
    ...["./", "B", "a/", "a/b/", "a/b/c", "a/x", "a-b", "a.txt", "empty/", "é"],
    // By the bytes of UTF-8: characters beyond 16 bits come last.
    ...["\uff5e", "\u{1f600}"],
  ]);
});

test("several folders and files are one layer; each folder has its root in it", async (t) => {
  const dir = await tempDir(t);
  await mkdir(join(dir, "one"));
  await mkdir(join(dir, "two"));
  await writeFile(join(dir, "one/z"), "");
  await writeFile(join(dir, "two/a"), "");
  await writeFile(join(dir, "file"), "");
  const files = [join(dir, "one"), join(dir, "file"), join(dir, "two")];
  assert.deepEqual(await pathsOf(t, packImage, files), ["./", "z", "file", "./", "a"]);
});

test("exclusions are exact paths from each root; by default only .git there", async (t) => {
  const dir = await tempDir(t);
  await mkdir(join(dir, ".git/objects"), { recursive: true });
  await mkdir(join(dir, "sub/.git"), { recursive: true });
  await writeFile(join(dir, "sub/x.tmp"), "");
  await writeFile(join(dir, "x.tmp"), "");
  assert.deepEqual(await pathsOf(t, packImage, [dir]), ["./", "sub/", "sub/.git/", "sub/x.tmp", "x.tmp"]);
  const without = (...exclude: string[]) => pathsOf(t, packImage, [{ path: dir, exclude }]);
  const all = ["./", ".git/", ".git/objects/", "sub/", "sub/.git/", "sub/x.tmp", "x.tmp"];
  assert.deepEqual(await without("*.tmp", "./x.tmp", "sub/", "/sub", "objects"), all);
  assert.deepEqual(await without("x.tmp", "sub/.git"), ["./", ".git/", ".git/objects/", "sub/", "sub/x.tmp"]);
  assert.deepEqual(await without("sub", ".git"), ["./", "x.tmp"]);
  // What is left out may be anything, and may be in two folders.
  await symlink("nowhere", join(dir, "link"));
  assert.deepEqual(await without("sub", ".git", "link"), ["./", "x.tmp"]);
  const file = { path: join(dir, "x.tmp"), exclude: ["x.tmp"] };
  assert.deepEqual(await pathsOf(t, packImage, [file]), []);
});

test("labels are sorted by their bytes and escaped as Go does", async (t) => {
  const labels = {
    b: "<a> & b\u2028",
    "10": "x",
    "9": "y",
    "\uff5e": "1",
    "\u{1f600}": "2",
    a: "\u0001\u007fé\b",
  };
  const { image } = await packed(t, packImage, [], { labels });
  const manifest = await readManifest(image, image.root);
  assert.ok(manifest.kind === "image");
  const config = Buffer.from(await readBytes(image, "blob", manifest.config, 10_000)).toString();
  assert.ok(
    config.endsWith(
      String.raw`"config":{"Labels":{"10":"x","9":"y","a":"\u0001` +
        "\u007fé" +
        String.raw`\b","b":"\u003ca\u003e \u0026 b\u2028","` +
        '\uff5e":"1","\u{1f600}":"2"}}}',
    ),
    config,
  );
});

test("a platform and another compression are told by the documents", async (t) => {
  const { image } = await packed(t, packImage, [], {
    platform: { os: "linux", architecture: "arm", variant: "v7", osVersion: "1" },
    compression: { compression: "none" },
  });
  const manifest = await readManifest(image, image.root);
  assert.ok(manifest.kind === "image");
  assert.deepEqual(
    manifest.layers.map(({ mediaType, size }) => [mediaType, size]),
    [[mediaTypes.dockerLayer, 1024]],
  );
  const config = Buffer.from(await readBytes(image, "blob", manifest.config, 10_000)).toString();
  assert.match(
    config,
    /^\{"architecture":"arm","created".*"os":"linux","rootfs".*,"config":\{\},"os\.version":"1","variant":"v7"\}$/,
  );
});

test("the faster compression packs the same tar", async (t) => {
  const folder = await writeSampleBundle(await tempDir(t));
  for (const compression of ["parallel", { compression: "zstd" }] as const) {
    if (compression !== "parallel" && !("createZstdCompress" in (await import("node:zlib")))) continue;
    const { image } = await packed(t, packBundle, [folder], { compression });
    const manifest = await readManifest(image, image.root);
    assert.ok(manifest.kind === "image");
    const config = Buffer.from(await readBytes(image, "blob", manifest.config, 10_000)).toString();
    assert.ok(config.includes(sampleBundle.diffId));
    assert.notEqual(image.root.digest, sampleBundle.manifest);
  }
});
