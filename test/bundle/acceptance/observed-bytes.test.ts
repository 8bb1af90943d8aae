/** What imgpkg was seen to push and to write, byte by byte: the same from the program called as imgpkg. */
import assert from "node:assert/strict";
import { chmodSync, readFileSync } from "node:fs";
import { join } from "node:path";
import test, { type TestContext } from "node:test";
import { streamOf } from "../../../src/bytes/stream.ts";
import { readTar } from "../../../src/formats/tar/read.ts";
import { imgpkg } from "../../cli/support/program.ts";
import { startDockerRegistry } from "../../support/docker-registry.ts";
import { needs } from "../../support/peers.ts";
import { startRegistry } from "../../support/registry.ts";
import { observed, sampleBundle, writeSampleBundle } from "../../support/sample-bundle.ts";
import { tempDir } from "../../support/tmp.ts";
import { put } from "./support.ts";

/** Where the observed bundles were pushed to: their locks say so. */
const seen = "127.0.0.1:5601";
const digests = {
  "simple-app": "sha256:65f2520758b8d82c795eef2826965affb6c6b210d636cfbbc4fac759763f083f",
  "nested-bundle": "sha256:7d889c74223557db6ec58591456dac44e73c809893383ad04b4852fb6616fd35",
  "outer-bundle": "sha256:204815e7fa6d52dd151ac2e5b927f803d82e14ecb25fe18134aa0ff9edc0527d",
} as const;

type Name = keyof typeof digests;

const lockHead = "apiVersion: imgpkg.carvel.dev/v1alpha1\nkind: ImagesLock\nimages:\n";

/** The folders that were pushed: an application, a bundle of it, and a bundle of both. */
async function writeFolders(cwd: string): Promise<void> {
  put(join(cwd, "simple-app/hello.txt"), "hello\n");
  put(join(cwd, "simple-app/sub/run.sh"), "#!/bin/sh\necho hi\n");
  chmodSync(join(cwd, "simple-app/sub/run.sh"), 0o755);
  const app = `- image: ${seen}/simple-app@${digests["simple-app"]}\n`;
  const nested = `- image: ${seen}/nested-bundle@${digests["nested-bundle"]}\n`;
  await writeSampleBundle(join(cwd, "nested-bundle"));
  put(join(cwd, "nested-bundle/config.yml"), "a: b\n");
  const annotations = "  annotations:\n    kbld.carvel.dev/id: docker.io/dkalinin/k8s-simple-app\n";
  put(join(cwd, "nested-bundle/.imgpkg/images.yml"), `${lockHead}${app}${annotations}`);
  put(join(cwd, "outer-bundle/.imgpkg/images.yml"), `${lockHead}${nested}${app}`);
}

async function run(cwd: string, line: string): Promise<string> {
  const { code, stdout, stderr } = await imgpkg(line.split(" "), { cwd });
  assert.equal(code, 0, `imgpkg ${line}\n${stderr}`);
  return stdout;
}

/** Pushes all to one repository, in which the locks' images are then found. */
async function pushed(t: TestContext, host: string): Promise<{ cwd: string; all: string }> {
  const cwd = await tempDir(t);
  await writeFolders(cwd);
  const all = `${host}/all`;
  for (const name of Object.keys(digests) as Name[]) {
    const flag = name === "simple-app" ? "-i" : "-b";
    const said = await run(cwd, `push ${flag} ${all}:${name} -f ${name} --tty`);
    assert.equal(/Pushed '([^']*)'\nSucceeded\n$/.exec(said)?.[1], `${all}@${digests[name]}`);
  }
  await run(cwd, `push -b ${all}:v1 -f outer-bundle`);
  return { cwd, all };
}

async function observedFile(tar: string, name: string): Promise<string> {
  for await (const item of readTar(streamOf(await observed(tar)))) {
    if (item.name === name) return Buffer.from(item.bytes ?? "").toString();
  }
  throw new Error(`no ${name} in ${tar}`);
}

async function checkLocations(cwd: string, repository: string): Promise<void> {
  for (const [bundle, file] of [
    ["outer-bundle", "loc-outer"],
    ["nested-bundle", "loc-nested"],
  ] as const) {
    const tag = `${digests[bundle].replace(":", "-")}.image-locations.imgpkg`;
    await run(cwd, `pull -i ${repository}:${tag} -o ${file}`);
    const shipped = readFileSync(join(cwd, file, "image-locations.yml"), "utf8");
    assert.equal(shipped, await observedFile(`${file}-layer.tar`, "image-locations.yml"));
    // Alone, as imgpkg ships it, it makes the very image that imgpkg made.
    put(join(cwd, `${file}-alone/image-locations.yml`), shipped);
    await run(cwd, `push -i ${repository}:${file} -f ${file}-alone`);
    const url = `http://${repository.replace("/", "/v2/")}/manifests/${file}`;
    const accept = "application/vnd.docker.distribution.manifest.v2+json";
    const manifest = await (await fetch(url, { headers: { accept } })).text();
    assert.equal(manifest, (await observed(`${file}-manifest.json`)).toString());
  }
}

/** The observed `manifest.json` as it is when the bundles are in one repository; their locks stay what they were. */
async function observedTarDocument(all: string): Promise<string> {
  const text = (await observed("to-tar-manifest.json")).toString();
  const root = `"OrigRef":"${seen}/outer-bundle@`;
  assert.ok(text.includes(root));
  return text
    .replaceAll(/"Refs":\["127\.0\.0\.1:5601\/[a-z-]+@/g, `"Refs":["${all}@`)
    .replace(root, `"OrigRef":"${all}@`);
}

async function tarDocument(path: string): Promise<string> {
  for await (const item of readTar(streamOf(readFileSync(path)))) {
    if (item.name === "manifest.json") return Buffer.from(item.bytes ?? "").toString();
  }
  throw new Error(`no manifest.json in ${path}`);
}

async function journey(t: TestContext, host: string): Promise<void> {
  const { cwd, all } = await pushed(t, host);
  await run(cwd, `copy -b ${all}:v1 --to-repo ${host}/copied`);
  await checkLocations(cwd, `${host}/copied`);

  await run(cwd, `copy -b ${all}:v1 --to-tar bundle.tar`);
  assert.equal(await tarDocument(join(cwd, "bundle.tar")), await observedTarDocument(all));
  await run(cwd, `copy --tar bundle.tar --to-repo ${host}/carried --lock-output lock.yml`);
  await checkLocations(cwd, `${host}/carried`);
  assert.equal(
    readFileSync(join(cwd, "lock.yml"), "utf8"),
    "---\napiVersion: imgpkg.carvel.dev/v1alpha1\nbundle:\n" +
      `  image: ${host}/carried@${digests["outer-bundle"]}\n  tag: v1\nkind: BundleLock\n`,
  );
}

test("bundles, their locations and their tar are imgpkg's, in our registry", async (t) => {
  await journey(t, (await startRegistry(t)).host);
});

test("and in docker-registry", needs("docker-registry"), async (t) => {
  await journey(t, (await startDockerRegistry(t)).host);
});

test("other folders have the digests that imgpkg gave them", async (t) => {
  const cwd = await tempDir(t);
  const { host } = await startRegistry(t);
  await writeSampleBundle(join(cwd, "basic"));
  const digestOf = async (flags: string) =>
    /@(sha256:[0-9a-f]{64})'/.exec(await run(cwd, `push ${flags} --tty`))?.[1];
  assert.equal(await digestOf(`-b ${host}/basic -f basic`), sampleBundle.manifest);
  assert.equal(
    await digestOf(`-i ${host}/file -f basic/config.yml`),
    "sha256:ea3742a200bf4523914773150389e8a7e84e023e150b73395dffe43dc9cf507e",
  );
  assert.equal(
    await digestOf(`-i ${host}/empty`),
    "sha256:12798cbf035884be93b90ba6f2c6148aafe6b8cd64b58ceefcf46ca7327c5296",
  );
});
