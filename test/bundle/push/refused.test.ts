import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { chmod, cp, mkdir, mkdtemp, readdir, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test, { type TestContext } from "node:test";
import { documentLimits } from "../../../src/bundle/documents/limits.ts";
import type { BundleDiskInput } from "../../../src/bundle/push/input.ts";
import { packBundle, packImage } from "../../../src/bundle/push/pack.ts";
import { stepsOf } from "../../../src/bundle/steps.ts";
import { isLadingError, messageOf } from "../../../src/errors.ts";
import { findProgram, needs } from "../../support/peers.ts";
import { writeSampleBundle } from "../../support/sample-bundle.ts";
import { tempDir } from "../../support/tmp.ts";
import { digestOf, pathsOf } from "./packed.ts";

/** Packs what must not be packed. Gives the message with the steps before it, as imgpkg prints it. */
async function refusal(
  t: TestContext,
  pack: typeof packImage,
  files: readonly BundleDiskInput[],
  labels: Readonly<Record<string, string>> = {},
): Promise<string> {
  const temp = await tempDir(t);
  let message = "";
  await assert.rejects(pack(files, { tempDir: temp, labels }), (error) => {
    assert.ok(isLadingError(error), String(error));
    message = [...stepsOf(error), messageOf(error)].join(": ");
    return true;
  });
  assert.deepEqual(await readdir(temp), []);
  return message;
}

/** As a user writes it: below the folder where the test works. */
function shownIn(cwd: string): (name: string) => BundleDiskInput {
  return (name) => ({ path: join(cwd, name), shown: name });
}

async function writeLock(folder: string, images = "images: []"): Promise<void> {
  await mkdir(join(folder, ".imgpkg"), { recursive: true });
  const head = "apiVersion: imgpkg.carvel.dev/v1alpha1\nkind: ImagesLock\n";
  await writeFile(join(folder, ".imgpkg/images.yml"), `${head}${images}\n`);
}

test("a bundle is no image", async (t) => {
  const folder = await writeSampleBundle(await tempDir(t));
  assert.equal(
    await refusal(t, packImage, [{ path: folder }]),
    "Images cannot be pushed with '.imgpkg' directories, consider using --bundle (-b) option",
  );
  // Also where it is left out of the image: imgpkg looks at the disk.
  assert.match(await refusal(t, packImage, [{ path: folder, exclude: [".imgpkg"] }]), /^Images cannot be/);
  // What is no valid bundle may be an image.
  await rm(join(folder, ".imgpkg/images.yml"));
  assert.deepEqual(await pathsOf(t, packImage, [folder]), [
    "./",
    ".imgpkg/",
    ".imgpkg/bundle.yml",
    "config.yml",
  ]);
});

test("a folder without images.yml is no bundle", async (t) => {
  const cwd = await tempDir(t);
  const at = shownIn(cwd);
  await mkdir(join(cwd, "plain"));
  const missing = "This directory is not a bundle. It is missing .imgpkg/images.yml";
  assert.equal(await refusal(t, packBundle, [at("plain")]), missing);
  assert.equal(await refusal(t, packBundle, []), missing);
  await mkdir(join(cwd, "plain/.imgpkg"));
  assert.equal(
    await refusal(t, packBundle, [at("plain")]),
    `The bundle expected .imgpkg/images.yml to exist, but it wasn't found in the path ${cwd}/plain/.imgpkg`,
  );
  // A file of that name counts, and cannot have an images.yml in it.
  await rm(join(cwd, "plain/.imgpkg"), { recursive: true });
  await writeFile(join(cwd, "plain/.imgpkg"), "");
  assert.match(await refusal(t, packBundle, [at("plain")]), /^The bundle expected/);
});

test("two bundle definitions are refused, wherever they are", async (t) => {
  const cwd = await tempDir(t);
  const at = shownIn(cwd);
  await writeLock(join(cwd, "one"));
  await writeLock(join(cwd, "one/deep/down"));
  const sentence =
    "This directory contains multiple bundle definitions. Only a single instance of .imgpkg/images.yml can be " +
    "provided and instead these were provided ";
  assert.equal(
    await refusal(t, packBundle, [at("one")]),
    `${sentence}${cwd}/one/.imgpkg, ${cwd}/one/deep/down/.imgpkg`,
  );
  // Leaving one out does not help, as for imgpkg.
  assert.ok((await refusal(t, packBundle, [{ ...at("one"), exclude: ["deep"] }])).startsWith(sentence));
  await rm(join(cwd, "one/deep"), { recursive: true });
  await writeLock(join(cwd, "two"));
  assert.equal(
    await refusal(t, packBundle, [at("one"), at("two")]),
    `${sentence}${cwd}/one/.imgpkg, ${cwd}/two/.imgpkg`,
  );
  // And it is a fine image, duplicates aside.
  assert.equal(
    await refusal(t, packImage, [at("one"), at("two")]),
    "Found duplicate paths: .imgpkg, .imgpkg/images.yml",
  );
});

test("the bundle definition stands right in one of the folders", async (t) => {
  const cwd = await tempDir(t);
  const at = shownIn(cwd);
  await writeLock(join(cwd, "one/below"));
  await mkdir(join(cwd, "two"));
  assert.equal(
    await refusal(t, packBundle, [at("one"), at("two")]),
    `Expected '.imgpkg' directory, to be a direct child of one of: one, two; was ${cwd}/one/below/.imgpkg`,
  );
  assert.equal(
    await refusal(t, packBundle, [at("one/below/.imgpkg")]),
    `Expected '.imgpkg' directory, to be a direct child of one of: one/below/.imgpkg; was ${cwd}/one/below/.imgpkg`,
  );
  // In the second of two, or behind a link, is right enough.
  assert.deepEqual(await pathsOf(t, packBundle, [join(cwd, "two"), join(cwd, "one/below")]), [
    ...["./", "./", ".imgpkg/", ".imgpkg/images.yml"],
  ]);
  await symlink("one/below", join(cwd, "link"));
  await digestOf(t, packBundle, [at("link")]);
});

test("what two folders or files have alike is listed", async (t) => {
  const cwd = await tempDir(t);
  const at = shownIn(cwd);
  for (const folder of ["one", "two"]) {
    await mkdir(join(cwd, folder, "sub"), { recursive: true });
    await writeFile(join(cwd, folder, "sub/file"), folder);
    await writeFile(join(cwd, folder, folder), "");
  }
  assert.equal(await refusal(t, packImage, [at("one"), at("two")]), "Found duplicate paths: sub, sub/file");
  assert.equal(await refusal(t, packImage, [at("one"), at("one/one")]), "Found duplicate paths: one");
  // Before what is no file, and not where it is left out.
  await symlink("x", join(cwd, "one/link"));
  assert.match(await refusal(t, packImage, [at("one"), at("two")]), /^Found duplicate paths/);
  const kept = { ...at("one"), exclude: ["sub", "link"] };
  assert.deepEqual(await pathsOf(t, packImage, [kept, at("two")]), [
    ...["./", "one", "./", "sub/", "sub/file", "two"],
  ]);
});

test("links, pipes and devices are refused by name", needs("mkfifo"), async (t) => {
  const cwd = await tempDir(t);
  const at = shownIn(cwd);
  await mkdir(join(cwd, "t/link"), { recursive: true });
  await symlink("/etc/passwd", join(cwd, "t/link/l"));
  assert.equal(
    await refusal(t, packImage, [at("t/link")]),
    "Adding file 't/link' to tar: Expected file 't/link/l' to be a regular file",
  );
  assert.equal(
    await refusal(t, packImage, [at("./t")]),
    "Adding file './t' to tar: Expected file 't/link/l' to be a regular file",
  );
  await rm(join(cwd, "t/link/l"));
  await symlink(".", join(cwd, "t/link/folder"));
  assert.match(
    await refusal(t, packImage, [at("t")]),
    /Expected file 't\/link\/folder' to be a regular file$/,
  );
  await rm(join(cwd, "t/link/folder"));
  assert.equal(spawnSync(findProgram("mkfifo") ?? "", [join(cwd, "t/pipe")]).status, 0);
  assert.match(await refusal(t, packImage, [at("t")]), /Expected file 't\/pipe' to be a regular file$/);
  assert.match(await refusal(t, packImage, [at("t/pipe")]), /Expected file 't\/pipe' to be a regular file$/);
  assert.match(await refusal(t, packImage, [{ path: "/dev/null" }]), /Expected file '\/dev\/null' to be/);
});

test("an images.yml that is a link or a pipe is refused, not read", needs("mkfifo"), async (t) => {
  const folder = await tempDir(t);
  await mkdir(join(folder, ".imgpkg"));
  const lock = join(folder, ".imgpkg/images.yml");
  assert.equal(spawnSync(findProgram("mkfifo") ?? "", [lock]).status, 0);
  assert.match(await refusal(t, packBundle, [{ path: folder }]), /images\.yml' to be a regular file$/);
  await rm(lock);
  await symlink("/dev/zero", lock);
  assert.match(await refusal(t, packBundle, [{ path: folder }]), /images\.yml' to be a regular file$/);
});

test("what is not there is named as it was written", async (t) => {
  const at = shownIn(await tempDir(t));
  for (const pack of [packImage, packBundle]) {
    assert.equal(await refusal(t, pack, [at("nothing")]), "lstat nothing: no such file or directory");
  }
});

test("the label of bundles is nobody's to set", async (t) => {
  const folder = await writeSampleBundle(await tempDir(t));
  for (const pack of [packImage, packBundle]) {
    assert.equal(
      // Before anything is looked at.
      await refusal(t, pack, [{ path: join(folder, "nothing") }], { "dev.carvel.imgpkg.bundle": "false" }),
      "label 'dev.carvel.imgpkg.bundle' is reserved and cannot be overriden. Please use a different key",
    );
  }
});

test("a lock that names images by tag, or that nobody can read, is refused before it is pushed", async (t) => {
  const cwd = await tempDir(t);
  const file = join(cwd, ".imgpkg/images.yml");
  const step = "Reading images lock file";
  const refused = async (images: string) => {
    await writeLock(cwd, images);
    return await refusal(t, packBundle, [{ path: cwd }]);
  };
  assert.equal(
    await refused("images:\n- image: foo/bar:tag"),
    `${step}: Validating images lock: Expected ref to be in digest form, got 'foo/bar:tag'`,
  );
  await assert.rejects(packBundle([{ path: cwd }], { tempDir: cwd }), (error) => {
    assert.ok(isLadingError(error) && error.place?.startsWith(file), String(error));
    return true;
  });
  assert.match(await refused("images: {}"), /^Reading images lock file: Unmarshaling images lock: /);
  assert.match(await refused("image: []"), /Unmarshaling images lock: .*unknown field "image"/);
  await writeFile(file, "apiVersion: imgpkg.carvel.dev/v1alpha1\nkind: BundleLock\n");
  assert.equal(
    await refusal(t, packBundle, [{ path: cwd }]),
    `${step}: Validating images lock: Validating kind: Unknown kind (known: ImagesLock)`,
  );
  await writeFile(file, Buffer.alloc(documentLimits.lockBytes + 1, " "));
  assert.equal(
    await refusal(t, packBundle, [{ path: cwd }]),
    `${file} is larger than ${documentLimits.lockBytes} bytes`,
  );
});

test("a lock that is only unusual is pushed", async (t) => {
  const cwd = await tempDir(t);
  const digest = `sha256:${"a".repeat(64)}`;
  for (const images of [
    "",
    "images:",
    "images: null # nothing",
    `images: [{image: "nginx:1.25@${digest}", annotations: {yes: no, n: 1.50}}]`,
    `images:\n  - image: localhost:5000/x@${digest}\n  - image: localhost:5000/x@${digest}`,
  ]) {
    await writeLock(cwd, images);
    await digestOf(t, packBundle, [cwd]);
  }
});

test("names that a layer or its readers cannot hold are refused", async (t) => {
  const dir = await tempDir(t);
  await writeFile(Buffer.concat([Buffer.from(`${dir}/caf`), Buffer.from([0xe9])]), "");
  assert.match(await refusal(t, packImage, [{ path: dir }]), /is not UTF-8/);
  // Where they are left out they are nobody's business.
  const above = await tempDir(t);
  await mkdir(join(above, ".git"));
  await writeFile(Buffer.concat([Buffer.from(`${above}/.git/caf`), Buffer.from([0xe9])]), "");
  assert.deepEqual(await pathsOf(t, packImage, [above]), ["./"]);
  const other = await tempDir(t);
  await writeFile(join(other, ".wh.etc"), "");
  assert.match(await refusal(t, packImage, [{ path: other }]), /would be a whiteout/);
});

test("a folder that may not be read is named, unless it is left out", async (t) => {
  const dir = await tempDir(t);
  await mkdir(join(dir, "secret"), { mode: 0 });
  await writeFile(join(dir, "open"), "");
  await chmod(dir, 0o755);
  const temp = await mkdtemp(join(tmpdir(), "lading-test-"));
  await chmod(temp, 0o777);
  const asRoot = process.geteuid?.() === 0;
  // Root reads everything: be somebody else for as long as it takes.
  if (asRoot) process.seteuid?.(65_534);
  try {
    await assert.rejects(packImage([{ path: dir }], { tempDir: temp }), {
      code: "ERR_LADING_STORE",
      message: `${join(dir, "secret")} may not be read`,
    });
    await using image = await packImage([{ path: dir, exclude: ["secret"] }], { tempDir: temp });
    assert.deepEqual(
      image.entries.map(({ name }) => name),
      [".", "open"],
    );
  } finally {
    if (asRoot) process.seteuid?.(0);
    await rm(temp, { recursive: true });
  }
});

test("a bundle that was copied elsewhere is the same bundle", async (t) => {
  const folder = await writeSampleBundle(await tempDir(t));
  const other = await tempDir(t);
  await cp(folder, join(other, "copy"), { recursive: true });
  assert.equal(await digestOf(t, packBundle, [join(other, "copy")]), await digestOf(t, packBundle, [folder]));
});
