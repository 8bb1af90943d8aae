import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import test from "node:test";
import { paintFor } from "../../src/cli/color.ts";
import { formatError } from "../../src/cli/error-report.ts";
import { LadingError } from "../../src/errors.ts";
import { parseReference } from "../../src/spec/reference.ts";
import { openLayout } from "../../src/stores/layout/open.ts";
import { createRegistryClient } from "../../src/stores/registry/client.ts";
import { type Ended, lading } from "../cli/support/program.ts";
import { putBundle } from "../support/bundle-image.ts";
import { startOrigin } from "../support/hostile-origin.ts";
import { file, putImage, tarOf } from "../support/image.ts";
import { startRegistry } from "../support/registry.ts";
import { tempDir } from "../support/tmp.ts";

// CWE-150: texts of registries, locks and images are printed, and must not steer the terminal: no escape sequence of them
// gets there, nor a mark that turns the direction of the line.

const evil = "\u001b]0;owned\u0007\u001b[2J\u009b31m\u202egnp\u2066\u007f";
// biome-ignore lint/suspicious/noControlCharactersInRegex: these are what it is about
const steering = /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/;

/** As a JSON text of ASCII alone, which YAML reads, too. */
const quoted = JSON.stringify(evil).replace(
  /[^ -~]/g,
  (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`,
);

function assertHarmless({ stdout, stderr }: Ended, what: string): void {
  // go-yaml writes marks of direction as they are, and YAML is for programs.
  const shown = what.endsWith("-o yaml") ? stdout.replace(/[\u202a-\u202e\u2066-\u2069]/g, "") : stdout;
  for (const text of [shown, stderr]) assert.doesNotMatch(text, steering, what);
}

test("CWE-150: what a bundle says of itself reaches no terminal as it is", async (t) => {
  const { host } = await startRegistry(t);
  const client = createRegistryClient();
  t.after(() => client.close());
  const store = client.repository(parseReference(`${host}/x`));
  const app = await putImage(store, [tarOf(file("app"))], {
    labels: { [evil]: evil },
    annotations: { [evil]: evil },
  });
  await putBundle(store, {
    images: [
      {
        image: `${host}/x@${app.descriptor.digest}`,
        annotations: { [evil]: evil, "two lines": `${evil}\n${evil}` },
      },
    ],
    metadata: `metadata: {${quoted}: ${quoted}}\nauthors: [{name: ${quoted}, email: ${quoted}}]\nwebsites: [{url: ${quoted}}]\n`,
    tag: "v1",
  });
  const dir = await tempDir(t);
  const options = { env: { HOME: dir }, cwd: dir };
  for (const line of [
    `describe -b ${host}/x:v1`,
    `describe -b ${host}/x:v1 -o yaml`,
    `describe -b ${host}/x:v1 -o json`,
    `describe -b ${host}/x:v1 --json`,
    `bundle verify ${host}/x:v1`,
    `copy -b ${host}/x:v1 --to-repo ${host}/y --plan`,
    `copy -b ${host}/x:v1 --to-repo ${host}/y --debug`,
    `copy -b ${host}/x:v1 --to-tar x.tar --tty`,
    `copy --tar x.tar --to-repo ${host}/z --tty`,
    `pull -b ${host}/x:v1 -o out --tty`,
    `pull -i ${host}/x@${app.descriptor.digest} -o image --progress json`,
  ]) {
    const done = await lading(line.split(" "), options);
    assert.equal(done.code, 0, `${line}: ${done.stderr}`);
    assertHarmless(done, line);
  }
});

test("CWE-150: nor does what is wrong with a lock, or with locations", async (t) => {
  const { host } = await startRegistry(t);
  const client = createRegistryClient();
  t.after(() => client.close());
  const store = client.repository(parseReference(`${host}/x`));
  const dir = await tempDir(t);
  const options = { env: { HOME: dir }, cwd: dir };
  const head = "apiVersion: imgpkg.carvel.dev/v1alpha1\nkind: ImagesLock\n";
  const locks = [
    `${head}${quoted}: 1\n`,
    `${head}images:\n- image: ${quoted}\n`,
    `${head}images:\n- image: a\n  ${quoted}: 1\n`,
    `${head}images:\n- ${quoted}: 1\n  ${quoted}: 2\n`,
    `${head}images: !${"<x\u202ey>"} 1\n`,
    `${head}images: *\u202ea\n`,
    `${head}images: ]\u202e\n`,
    `kind: ${quoted}\napiVersion: ${quoted}\n`,
  ];
  for (const [i, lock] of locks.entries()) {
    await putBundle(store, { images: [], lock, tag: `v${i}` });
    writeFileSync(join(dir, "lock.yml"), lock);
    const lines = [
      `copy -b ${host}/x:v${i} --to-repo ${host}/y --debug`,
      `pull -b ${host}/x:v${i} -o out`,
      `bundle verify ${host}/x:v${i}`,
    ];
    for (const line of [`copy --lock lock.yml --to-repo ${host}/y`, lines[i % lines.length] ?? ""]) {
      const done = await lading(line.split(" "), options);
      assert.notEqual(done.code, 0, `${line}: ${lock}`);
      assertHarmless(done, `${line}: ${lock}`);
    }
  }
});

test("CWE-150: nor what a registry answers, with its reasons", async (t) => {
  const origin = await startOrigin(t, (request, response) => {
    const body = request.url?.includes("/tags/list")
      ? { name: evil, tags: [evil, "v1"] }
      : { errors: [{ code: evil, message: evil, detail: { [evil]: evil } }] };
    response.writeHead(request.url?.includes("/tags/list") ? 200 : 400, {
      "content-type": "application/json",
    });
    response.end(JSON.stringify(body));
  });
  const dir = await tempDir(t);
  for (const line of [
    "tag list -i HOST/x",
    "describe -b HOST/x:v1 --debug",
    "copy -b HOST/x:v1 --to-repo HOST/y",
  ]) {
    const done = await lading(line.replaceAll("HOST", origin.host).split(" "), {
      env: { HOME: dir },
      cwd: dir,
    });
    assertHarmless(done, line);
  }
});

test("CWE-150: nor what an archive calls its images", async (t) => {
  const { host } = await startRegistry(t);
  const dir = await tempDir(t);
  const layout = await openLayout(join(dir, "layout"), { create: true });
  await putImage(layout, [tarOf(file("app"))], { tag: "name" });
  const index = join(dir, "layout/index.json");
  writeFileSync(index, readFileSync(index, "utf8").replace('"name"', quoted));
  execFileSync("tar", ["-cf", join(dir, "app.tar"), "-C", join(dir, "layout"), "."]);
  for (const line of [
    `copy --tar app.tar --to-repo ${host}/x --plan`,
    `copy --tar app.tar --to-repo ${host}/x`,
    `copy --tar app.tar --to-repo ${host}/x --tty`,
    "tag list -i oci-archive:app.tar",
  ]) {
    const done = await lading(line.split(" "), { env: { HOME: dir }, cwd: dir });
    assert.equal(done.code, 0, `${line}: ${done.stderr}`);
    assertHarmless(done, line);
  }
});

test("CWE-150: the causes of an error are printed like the error", () => {
  const error = new LadingError("ERR_LADING_STORE", evil, {
    place: evil,
    hint: evil,
    cause: new Error(evil, { cause: evil }),
  });
  assert.doesNotMatch(formatError(error, paintFor("never", {}, {}), true), steering);
});
