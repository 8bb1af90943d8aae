import assert from "node:assert/strict";
import {
  linkSync,
  lstatSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import test, { type TestContext } from "node:test";
import { gatherTar } from "../../src/bundle/copy/gather-tar.ts";
import { relocate } from "../../src/bundle/copy/relocate.ts";
import { locationsTag } from "../../src/bundle/documents/names.ts";
import { type BundleTar, openTar, rootBundleLabel } from "../../src/bundle/tar/open.ts";
import { type TarImage, writeTar } from "../../src/bundle/tar/write.ts";
import { MemoryStore } from "../../src/stores/memory.ts";
import { rejectsWith } from "../stores/contract.ts";
import { putBundle } from "../support/bundle-image.ts";
import { image, writeContent } from "../support/content.ts";
import { tempDir } from "../support/tmp.ts";

// A tar of bundles comes from anybody: its names must not lead anywhere (CWE-22), not stand for what others own, and not
// steer a terminal (CWE-150). The file that becomes a tar must not be somebody else's (CWE-59, CWE-377).

const app = image({ seed: 4 });

async function tarWith(
  t: TestContext,
  change: (app: TarImage, bundle: TarImage) => readonly TarImage[],
): Promise<{ readonly path: string; readonly dir: string }> {
  const dir = await tempDir(t);
  const source = new MemoryStore("source");
  await writeContent(source, app);
  const reference = `registry.example/app@${app.root.digest}`;
  const bundle = await putBundle(source, { images: [{ image: reference }] });
  const path = join(dir, "bundle.tar");
  const plain = { source, tag: "", origRef: "", labels: undefined };
  const images = change(
    { ...plain, root: app.root, refs: [reference] },
    {
      ...plain,
      root: bundle,
      refs: [`registry.example/bundle@${bundle.digest}`],
      tag: "v1",
      labels: { [rootBundleLabel]: "" },
    },
  );
  await writeTar(path, images);
  return { path, dir };
}

async function gathered(t: TestContext, path: string): Promise<{ tar: BundleTar; to: MemoryStore }> {
  const tar = await openTar(path);
  t.after(() => tar[Symbol.asyncDispose]());
  return { tar, to: new MemoryStore("to") };
}

const nobody = { open: () => assert.fail("no repository was to be opened") };

for (const tag of ["../../other/manifests/v1", "a/b", "v1?x=y", "\u001b[2J", "-x", "a".repeat(129), "v1\n"]) {
  test(`CWE-22: a tar that calls an image ${JSON.stringify(tag).slice(0, 30)} is refused`, async (t) => {
    const { path } = await tarWith(t, (plain, bundle) => [{ ...plain, tag }, bundle]);
    await rejectsWith("ERR_LADING_DOCUMENT", openTar(path));
  });
}

test("a tar cannot have its image found as the locations of a bundle, nor as another image", async (t) => {
  for (const wanted of [
    (bundle: TarImage) => locationsTag(bundle.root.digest),
    (bundle: TarImage) => `${bundle.root.digest.replace(":", "-")}.imgpkg`,
  ]) {
    const { path, dir } = await tarWith(t, (plain, bundle) => [{ ...plain, tag: wanted(bundle) }, bundle]);
    const { tar, to } = await gathered(t, path);
    const set = await gatherTar(tar, to, nobody);
    await rejectsWith("ERR_LADING_DOCUMENT", relocate(set, to, { tempDir: dir }));
    for await (const tag of to.tags()) assert.fail(`${tag} was written`);
  }
});

test("CWE-150: what a tar says of where it found an image is told only when it is a reference", async (t) => {
  const { path } = await tarWith(t, (plain, bundle) => [
    { ...plain, refs: ["\u001b]0;owned\u0007", `registry.example/\u202eapp@${app.root.digest}`] },
    bundle,
  ]);
  const { tar, to } = await gathered(t, path);
  const { images } = await gatherTar(tar, to, nobody);
  assert.deepEqual(images.map(({ from }) => from).sort()[0], `${path}@${app.root.digest}`);
});

test("CWE-59: a link where the unfinished tar lies is not followed", async (t) => {
  const { path, dir } = await tarWith(t, (plain, bundle) => [plain, bundle]);
  const whole = readFileSync(path);
  const victim = join(dir, "victim");
  writeFileSync(victim, "mine");
  symlinkSync(victim, join(dir, ".again.tar.partial"));
  await rejectsWith("ERR_LADING_STORE", rewritten(join(dir, "again.tar"), dir));
  assert.equal(readFileSync(victim, "utf8"), "mine");

  linkSync(victim, join(dir, ".second.tar.partial"));
  await rewritten(join(dir, "second.tar"), dir);
  assert.equal(readFileSync(victim, "utf8"), "mine");
  assert.deepEqual(readFileSync(join(dir, "second.tar")), whole);
  assert.equal(statSync(join(dir, "second.tar")).nlink, 1);
  assert.ok(lstatSync(join(dir, ".again.tar.partial")).isSymbolicLink());
  assert.deepEqual(
    readdirSync(dir).filter((name) => name.endsWith(".lock")),
    [],
  );
});

/** The same tar, once more. */
async function rewritten(to: string, dir: string): Promise<void> {
  await using tar = await openTar(join(dir, "bundle.tar"));
  await writeTar(
    to,
    tar.roots.map(({ descriptor, refs, tag, origRef, labels }) => ({
      ...{ source: tar, root: descriptor, refs, tag, origRef, labels },
    })),
  );
}
