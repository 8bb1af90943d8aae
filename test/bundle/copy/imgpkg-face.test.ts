/** What `imgpkg copy` prints: nothing into a pipe, these lines with `--tty`, its sentences when it fails. */
import assert from "node:assert/strict";
import { join } from "node:path";
import test, { type TestContext } from "node:test";
import { type Ended, imgpkg } from "../../cli/support/program.ts";
import { image } from "../../support/content.ts";
import { startRegistry } from "../../support/registry.ts";
import { put } from "../acceptance/support.ts";
import { Yard } from "./yard.ts";

async function scene(t: TestContext) {
  const { host } = await startRegistry(t);
  const yard = await Yard.open(t);
  const app = await yard.image(`${host}/app`, 1);
  const bundle = await yard.bundle(`${host}/bundle`, [app]);
  const call = (line: string): Promise<Ended> => imgpkg(line.split(" "), { cwd: yard.dir });
  return { host, yard, app, bundle, call };
}

function silent({ code, stdout, stderr }: Ended): void {
  assert.deepEqual({ code, stdout, stderr }, { code: 0, stdout: "", stderr: "" });
}

test("copies say nothing into a pipe", async (t) => {
  const { host, call } = await scene(t);
  silent(await call(`copy -b ${host}/bundle:v1 --to-repo ${host}/x`));
  silent(await call(`copy -b ${host}/bundle:v1 --to-tar b.tar`));
  silent(await call(`copy --tar b.tar --to-repo ${host}/y --lock-output lock.yml`));
});

test("with --tty the lines are imgpkg's", async (t) => {
  const { host, app, bundle, call } = await scene(t);
  const exporting = (...names: readonly string[]) => [
    `copy | exporting ${names.length} images...`,
    ...names.map((name) => `copy | will export ${name}`),
    `copy | exported ${names.length} images`,
  ];
  const importing = ["copy | importing 2 images...", "copy | Tagging images", "", "Succeeded", ""];
  const toRepo = await call(`copy -b ${host}/bundle:v1 --to-repo ${host}/x --tty`);
  assert.deepEqual(toRepo.stdout.split("\n"), [...exporting(app, bundle), ...importing]);

  const toTar = await call(`copy -b ${host}/bundle:v1 --to-tar b.tar --tty`);
  const duration = /\([0-9.]+(?:ns|µs|ms|s)\)$/;
  const lines = toTar.stdout.split("\n");
  const done = lines.filter((line) => line.startsWith("copy | done: file "));
  assert.deepEqual(
    lines.filter((line) => !done.includes(line)),
    [...exporting(app, bundle), "copy | writing layers...", "", "Succeeded", ""],
  );
  assert.equal(done.length, 3);
  for (const line of done) assert.match(line, duration);
  assert.match(done[0] ?? "", /^copy \| done: file 'manifest\.json' /);

  const again = await call(`copy -b ${host}/bundle:v1 --to-tar b.tar --resume --tty`);
  assert.match(again.stdout, /\ncopy \| Going to reuse 2 layers from the tar already in disk\n/);

  const fromTar = await call(`copy --tar b.tar --to-repo ${host}/y --tty`);
  assert.deepEqual(fromTar.stdout.split("\n"), importing);
});

test("layers that stay behind are warned of in imgpkg's words", async (t) => {
  const { host, yard, call } = await scene(t);
  const content = image({ seed: 5, layers: 1, foreign: true });
  const app = await yard.put(`${host}/windows`, content);
  const block = (name: string) =>
    "copy | Warning: Skipped the followings layer(s) due to it being non-distributable. If you would like to include " +
    "non-distributable layers, use the --include-non-distributable-layers flag\n" +
    `copy |  - Image: ${name}\ncopy |    Layers:\ncopy |      - ${content.absent?.[0]?.digest}\n`;
  const toRepo = await call(`copy -i ${host}/windows:v1 --to-repo ${host}/x --tty`);
  assert.ok(toRepo.stdout.includes(block(app.replace("/windows@", "/x@"))), toRepo.stdout);
  const toTar = await call(`copy -i ${host}/windows:v1 --to-tar w.tar --tty`);
  assert.ok(toTar.stdout.includes(block(app)), toTar.stdout);
  const none = await call(
    `copy -i ${host}/app:v1 --to-repo ${host}/x --include-non-distributable-layers --tty`,
  );
  assert.match(
    none.stdout,
    /\ncopy \| Warning: '--include-non-distributable-layers' flag provided, but no images contained a non-distributable layer\.\n/,
  );
});

test("errors have imgpkg's steps and hints", async (t) => {
  const { host, yard, app, call } = await scene(t);
  put(
    join(yard.dir, "lock.yml"),
    "apiVersion: imgpkg.carvel.dev/v1alpha1\nimages:\n- image: foo/bar:tag\nkind: ImagesLock\n",
  );
  const cases: readonly (readonly [line: string, error: string])[] = [
    [
      `copy -b ${app} --to-repo ${host}/x`,
      "imgpkg: Error: Expected bundle image but found plain image (hint: Did you use -i instead of -b?)\n",
    ],
    [
      `copy -i ${host}/app:v1 --to-repo ${host}/x:v1`,
      "imgpkg: Error: Building import repository ref: repository can only contain the characters `abcdefghijklmnopqrstuvwxyz0123456789_-./`: x:v1\n",
    ],
    [
      `copy --lock lock.yml --to-repo ${host}/x`,
      "imgpkg: Error: Trying to read bundle or images lock file:\n  Validating images lock:\n    Expected ref to be in digest form, got 'foo/bar:tag' (at lock.yml: images[0].image)\n",
    ],
  ];
  for (const [line, error] of cases) {
    const { code, stdout, stderr } = await call(line);
    assert.deepEqual({ code, stdout, stderr }, { code: 1, stdout: "", stderr: error });
  }
  const missing = await call(`copy -i ${host}/app:v9 --to-repo ${host}/x`);
  assert.equal(missing.code, 1);
  assert.match(
    missing.stderr,
    /^imgpkg: Error: Fetching image:\n {2}GET http:\/\/[^ ]*\/v2\/app\/manifests\/v9:\n {4}MANIFEST_UNKNOWN: /,
  );
});
