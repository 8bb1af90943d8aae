import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import test from "node:test";
import { formatImagesLock, parseImagesLock } from "../../src/bundle/documents/images-lock.ts";
import { bundleLabel } from "../../src/bundle/documents/names.ts";
import { openTar } from "../../src/bundle/tar/open.ts";
import { writeTar } from "../../src/bundle/tar/write.ts";
import { parseReference } from "../../src/spec/reference.ts";
import { MemoryStore } from "../../src/stores/memory.ts";
import { createRegistryClient } from "../../src/stores/registry/client.ts";
import { lading } from "../cli/support/program.ts";
import { putBundle } from "../support/bundle-image.ts";
import { image, writeContent } from "../support/content.ts";
import { file, putImage, tarOf } from "../support/image.ts";
import { startRegistry } from "../support/registry.ts";
import { tempDir } from "../support/tmp.ts";

// CWE-1321: keys of strangers' documents become keys of objects here. None of them changes what all objects have, and none
// gets lost.

const keys = ["__proto__", "constructor", "prototype", "toString", "hasOwnProperty"];
const annotations = Object.fromEntries(keys.map((key) => [key, `value of ${key}`]));
const digest = `sha256:${"0".repeat(64)}`;

test("CWE-1321: annotations of a lock are kept under whatever key, and written again", () => {
  const text = `apiVersion: imgpkg.carvel.dev/v1alpha1\nkind: ImagesLock\nimages:\n- image: registry.example/app@${digest}\n  annotations:\n${keys.map((key) => `    ${key}: value of ${key}\n`).join("")}`;
  const lock = parseImagesLock(Buffer.from(text), "f");
  assert.deepEqual(Object.entries(lock.images[0]?.annotations ?? {}), Object.entries(annotations));
  const again = parseImagesLock(Buffer.from(formatImagesLock(lock)), "f");
  assert.deepEqual(
    Object.entries(again.images[0]?.annotations ?? {}).sort(),
    Object.entries(annotations).sort(),
  );
  assert.equal(({} as { polluted?: string }).polluted, undefined);
  assert.equal(Object.getPrototypeOf(lock.images[0]?.annotations), Object.prototype);
});

test("CWE-1321: a map for a prototype is no structure of ours", () => {
  for (const field of ["__proto__", "constructor"]) {
    const text = `${field}:\n  polluted: yes\n  apiVersion: imgpkg.carvel.dev/v1alpha1\n  kind: ImagesLock\n`;
    assert.throws(() => parseImagesLock(Buffer.from(text), "f"), { code: "ERR_LADING_DOCUMENT" });
  }
  const merged = `<<: {__proto__: {polluted: yes}}\n`;
  assert.throws(() => parseImagesLock(Buffer.from(merged), "f"), { code: "ERR_LADING_DOCUMENT" });
  assert.equal(({} as { polluted?: string }).polluted, undefined);
});

test("CWE-1321: labels in a tar are kept under whatever key", async (t) => {
  const source = new MemoryStore("source");
  const app = image({ seed: 2 });
  await writeContent(source, app);
  const path = join(await tempDir(t), "app.tar");
  const refs = [`registry.example/app@${app.root.digest}`];
  await writeTar(path, [{ source, root: app.root, refs, tag: "", origRef: "", labels: annotations }]);
  await using tar = await openTar(path);
  assert.deepEqual(Object.entries(tar.roots[0]?.labels ?? {}).sort(), Object.entries(annotations).sort());
});

test("CWE-1321: a bundle label that only the prototype has makes no bundle", async (t) => {
  const { host } = await startRegistry(t);
  const client = createRegistryClient();
  t.after(() => client.close());
  const store = client.repository(parseReference(`${host}/x`));
  const plain = await putImage(store, [tarOf(file("app"))], {
    labels: JSON.parse(`{"__proto__":"${bundleLabel}","constructor":"${bundleLabel}"}`) as Record<
      string,
      string
    >,
  });
  await putBundle(store, {
    images: [{ image: `${host}/x@${plain.descriptor.digest}`, annotations }],
    tag: "v1",
  });
  const dir = await tempDir(t);
  const run = async (line: string) => {
    const done = await lading(line.split(" "), { cwd: dir, env: { HOME: dir } });
    assert.equal(done.code, 0, `${line}: ${done.stderr}`);
    return done.stdout;
  };
  const told = JSON.parse(await run(`describe -b ${host}/x:v1 --json`));
  const [found] = Object.values(told.content.images) as { annotations: object; imageType: string }[];
  assert.equal(found?.imageType, "Image");
  assert.deepEqual(Object.entries(found?.annotations ?? {}).sort(), Object.entries(annotations).sort());
  await run(`copy -b ${host}/x:v1 --to-repo ${host}/y`);
  await run(`pull -b ${host}/y:v1 -o out`);
  const lock = parseImagesLock(readFileSync(join(dir, "out/.imgpkg/images.yml")), "f");
  assert.deepEqual(
    Object.entries(lock.images[0]?.annotations ?? {}).sort(),
    Object.entries(annotations).sort(),
  );
});
