/** The acceptance scenarios of imgpkg's issue 136 (locations images), command by command. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import test, { type TestContext } from "node:test";
import {
  credentialsOf,
  type GuardedRegistry,
  type RegistryKind,
  registryKinds,
  startGuardedRegistry,
} from "../../support/guarded-registry.ts";
import { needs } from "../../support/peers.ts";
import { tempDir } from "../../support/tmp.ts";
import { bundleFolder, digestIn, fails, locationsTagOf, put, resolved, run, type Shell } from "./support.ts";

interface Scene {
  readonly shell: Shell;
  /** Where bundles are pushed to first. */
  readonly first: GuardedRegistry;
  /** Where they are copied to. */
  readonly second: GuardedRegistry;
  /** An image in a repository of its own of the first registry, by digest. */
  readonly image: string;
  /** A shell that knows the second registry's user only. */
  readonly strange: Shell;
}

async function scene(t: TestContext, kind: RegistryKind): Promise<Scene> {
  const cwd = await tempDir(t);
  const [first, second] = await Promise.all([
    startGuardedRegistry(t, kind, 0),
    startGuardedRegistry(t, kind, 1),
  ]);
  const shell = { cwd, env: { HOME: cwd, ...credentialsOf(first, second) } };
  put(join(cwd, "app/app.txt"), "an application\n");
  await run(shell, `push -i ${first.host}/apps/simple-app -f app`);
  const image = await resolved(shell, `${first.host}/apps/simple-app`);
  bundleFolder(join(cwd, "basic-step-2"), [image]);
  return { shell, first, second, image, strange: { cwd, env: { HOME: cwd, ...credentialsOf(second) } } };
}

/** What a locations image says in the issue's own form. */
function seedForm(images: readonly { readonly image: string; readonly bundle: boolean }[]): string {
  const list = images.map(({ image, bundle }) => `  - image: ${image}\n    bundle: ${bundle}\n`).join("");
  return `apiVersion: imgpkg.carvel.dev/v1alpha1\nkind: ImagesLocation\nimages:\n${list}`;
}

/** What it says in the form that imgpkg ships. */
function shippedForm(images: readonly { readonly image: string; readonly bundle: boolean }[]): string {
  const list = images.map(({ image, bundle }) => `- image: ${image}\n  isBundle: ${bundle}\n`).join("");
  return `---\napiVersion: imgpkg.carvel.dev/v1alpha1\nimages:\n${list}kind: ImageLocations\n`;
}

async function checkLocations(
  { shell }: Scene,
  repository: string,
  bundle: string,
  images: readonly { readonly image: string; readonly bundle: boolean }[],
): Promise<void> {
  await run(shell, `pull -i ${repository}:${locationsTagOf(bundle)} -o tmp`);
  assert.equal(readFileSync(join(shell.cwd, "tmp/images-locations.yml"), "utf8"), seedForm(images));
  assert.equal(readFileSync(join(shell.cwd, "tmp/image-locations.yml"), "utf8"), shippedForm(images));
}

/** The registry of the origin is gone, and its user unknown: a pull from the copy works, and its lock is relocated. */
async function checkPullWithoutOrigin(
  { first, strange, image }: Scene,
  repository: string,
  tag: string,
): Promise<void> {
  await first.stop();
  await run(strange, `pull -b ${repository}:${tag} -o out`);
  const lock = readFileSync(join(strange.cwd, "out/.imgpkg/images.yml"), "utf8");
  assert.match(lock, new RegExp(`image: ${repository}@${digestIn(image)}\n`));
}

for (const kind of registryKinds) {
  const peers = kind === "docker-registry" ? needs("docker-registry") : {};

  test(`${kind}: 1, copying a bundle with an image only makes a locations image`, peers, async (t) => {
    const here = await scene(t, kind);
    const { shell, first, second, image } = here;
    await run(shell, `push -b ${first.host}/new-bundle:bundle -f basic-step-2`);
    const bundle = await resolved(shell, `${first.host}/new-bundle:bundle`);
    await run(shell, `copy -b ${first.host}/new-bundle:bundle --to-repo ${second.host}/new-location`);
    await checkLocations(here, `${second.host}/new-location`, bundle, [{ image, bundle: false }]);
    await checkPullWithoutOrigin(here, `${second.host}/new-location`, "bundle");
  });

  test(`${kind}: 2, copying nested bundles makes one locations image for each`, peers, async (t) => {
    const here = await scene(t, kind);
    const { shell, first, second, image } = here;
    await run(shell, `push -b ${first.host}/nested-bundle -f basic-step-2`);
    const nested = await resolved(shell, `${first.host}/nested-bundle`);
    bundleFolder(join(shell.cwd, "basic-step-3"), [nested]);
    await run(shell, `push -b ${first.host}/new-bundle:bundle -f basic-step-3`);
    const outer = await resolved(shell, `${first.host}/new-bundle:bundle`);
    const to = `${second.host}/new-location`;
    await run(shell, `copy -b ${first.host}/new-bundle:bundle --to-repo ${to}`);
    await checkLocations(here, to, outer, [{ image: nested, bundle: true }]);
    await checkLocations(here, to, nested, [{ image, bundle: false }]);
    await first.stop();
    await run(here.strange, `pull -r -b ${to}:bundle -o out`);
    const inner = join("out/.imgpkg/bundles", digestIn(nested).replace(":", "-"), ".imgpkg/images.yml");
    assert.ok(
      readFileSync(join(shell.cwd, inner), "utf8").includes(`image: ${to}@${digestIn(image)}\n`),
      "the nested bundle's lock is relocated, too",
    );
  });

  test(`${kind}: 3, a second copy makes the locations image at the later place`, peers, async (t) => {
    const here = await scene(t, kind);
    const { shell, first, second, image } = here;
    await run(shell, `push -b ${first.host}/new-bundle:bundle -f basic-step-2`);
    const bundle = await resolved(shell, `${first.host}/new-bundle:bundle`);
    await run(shell, `copy -b ${first.host}/new-bundle:bundle --to-repo ${second.host}/new-location`);
    // From here on, nobody can ask the origin.
    await first.stop();
    const later = `${second.host}/yet-another-location`;
    await run(here.strange, `copy -b ${second.host}/new-location:bundle --to-repo ${later}`);
    await checkLocations(here, later, bundle, [{ image, bundle: false }]);
    await checkPullWithoutOrigin(here, later, "bundle");
  });

  test(`${kind}: 4, the destination may have a namespace`, peers, async (t) => {
    const here = await scene(t, kind);
    const { shell, first, second, image } = here;
    await run(shell, `push -b ${first.host}/some/new-bundle:bundle -f basic-step-2`);
    const bundle = await resolved(shell, `${first.host}/some/new-bundle:bundle`);
    const to = `${second.host}/some/namespace/new-location`;
    await run(shell, `copy -b ${first.host}/some/new-bundle:bundle --to-repo ${to}`);
    await checkLocations(here, to, bundle, [{ image, bundle: false }]);
    await checkPullWithoutOrigin(here, to, "bundle");
  });

  test(`${kind}: 5, a copy of an older imgpkg has none, and the next copy makes one`, peers, async (t) => {
    const here = await scene(t, kind);
    const { shell, first, second, image } = here;
    await run(shell, `push -b ${first.host}/new-bundle:bundle -f basic-step-2`);
    const bundle = await resolved(shell, `${first.host}/new-bundle:bundle`);
    const old = `${second.host}/old-imgpkg-img`;
    // What older versions did: every image beside the bundle, and no locations.
    await run(shell, `image copy ${first.host}/new-bundle:bundle ${old}:bundle`);
    await run(shell, `image copy ${image} ${old}:${digestIn(image).replace(":", "-")}.imgpkg`);
    const said = await fails(shell, `pull -i ${old}:${locationsTagOf(bundle)} -o tmp`);
    assert.match(said, /manifest unknown/i);
    await first.stop();
    const later = `${second.host}/yet-another-location`;
    await run(here.strange, `copy -b ${old}:bundle --to-repo ${later}`);
    await checkLocations(here, later, bundle, [{ image, bundle: false }]);
    await checkPullWithoutOrigin(here, later, "bundle");
  });
}
