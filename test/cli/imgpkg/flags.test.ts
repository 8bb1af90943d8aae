/** Flags of imgpkg by what the program does with them, where no other test does. */
import assert from "node:assert/strict";
import { chmod, mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import test, { type TestContext } from "node:test";
import { bundleFolder } from "../../bundle/acceptance/support.ts";
import { startRegistry } from "../../support/registry.ts";
import { tempDir } from "../../support/tmp.ts";
import { type Ended, imgpkg, lading } from "../support/program.ts";

function ok({ code, stdout, stderr }: Ended): string {
  assert.equal(code, 0, stderr);
  return stdout;
}

/** A folder `app` with a file that its group may read, and a registry to push it to. */
async function scene(t: TestContext): Promise<{ cwd: string; host: string }> {
  const cwd = await tempDir(t);
  await mkdir(join(cwd, "app"));
  await writeFile(join(cwd, "app/config.yml"), "a: 1\n");
  await chmod(join(cwd, "app/config.yml"), 0o640);
  return { cwd, host: (await startRegistry(t)).host };
}

test("--preserve-permissions keeps what others may do with a file", async (t) => {
  const { cwd, host } = await scene(t);
  const modes = async (...more: string[]) => {
    ok(await imgpkg(["push", "-i", `${host}/app:v1`, "--file", "app", ...more], { cwd }));
    const listed = ok(await lading(["image", "ls", "-l", `${host}/app:v1`, "config.yml"]));
    return listed.split(" ")[0];
  };
  assert.equal(await modes(), "-rw-------");
  assert.equal(await modes("--preserve-permissions"), "-rw-r-----");
  assert.equal(await modes("--preserve-permissions=false"), "-rw-------");
});

test("--file takes several, joined by commas or one by one", async (t) => {
  const { cwd, host } = await scene(t);
  for (const name of ["one.txt", "two.txt"]) await writeFile(join(cwd, name), name);
  const files = async (...flags: string[]) => {
    ok(await imgpkg(["push", "--image", `${host}/app:v1`, ...flags], { cwd }));
    return ok(await lading(["image", "ls", `${host}/app:v1`]));
  };
  const all = "/config.yml\n/one.txt\n/two.txt\n";
  assert.equal(await files("--file", "app,one.txt", "--file=two.txt"), all);
  assert.equal(await files("-fapp", "-f=one.txt", "-f", "two.txt"), all);
});

test("--repo-based-tags stand in place of the others", async (t) => {
  const { cwd, host } = await scene(t);
  ok(await imgpkg(["push", "-i", `${host}/team/app:v1`, "-f", "app"], { cwd }));
  const image = ok(await imgpkg(["tag", "resolve", "-i", `${host}/team/app:v1`]));
  bundleFolder(join(cwd, "bundle"), [image]);
  ok(await imgpkg(["push", "--bundle", `${host}/bundle:v1`, "-f", "bundle"], { cwd }));
  const copy = ["copy", "--bundle", `${host}/bundle:v1`, "--to-repo", `${host}/copied`];
  ok(await imgpkg([...copy, "--repo-based-tags", "--concurrency", "2"]));
  const tags = ok(await imgpkg(["tag", "list", "-i", `${host}/copied`, "--imgpkg-internal-tags"]));
  const digest = image.replace(/.*@sha256:/, "");
  assert.ok(tags.includes(`team-app-sha256-${digest}.imgpkg\t\n`), tags);
  assert.ok(!tags.includes(`\nsha256-${digest}.imgpkg\t\n`), tags);
});

test("--registry-insecure allows http with a registry that is not this machine by its name", async (t) => {
  const { port } = await startRegistry(t);
  // No name for this machine to imgpkg's rules, and yet it is.
  const list = ["tag", "list", "-i", `0.0.0.0:${port}/app`, "--registry-retry-count=1"];
  const refused = await imgpkg(list);
  assert.equal(refused.code, 1);
  assert.doesNotMatch(refused.stderr, /NAME_UNKNOWN/);
  for (const flag of ["--registry-insecure", "--registry-insecure=true"]) {
    assert.match((await imgpkg([...list, flag])).stderr, /NAME_UNKNOWN/);
  }
});

test("--lock-output of push has the tag, latest when there is none", async (t) => {
  const { cwd, host } = await scene(t);
  bundleFolder(join(cwd, "bundle"), []);
  ok(await imgpkg(["push", "-b", `${host}/bundle`, "-f", "bundle", "--lock-output", "lock.yml"], { cwd }));
  assert.match(await readFile(join(cwd, "lock.yml"), "utf8"), /\n {2}tag: latest\nkind: BundleLock\n$/);
});

test("--cosign-signatures takes signatures along, --cosign-artifacts=false leaves them out of describe", async (t) => {
  const { cwd, host } = await scene(t);
  bundleFolder(join(cwd, "bundle"), []);
  ok(await imgpkg(["push", "-b", `${host}/bundle:v1`, "-f", "bundle"], { cwd }));
  const bundle = ok(await imgpkg(["tag", "resolve", "-i", `${host}/bundle:v1`]));
  const signature = `${bundle.replace(/.*@sha256:/, "sha256-")}.sig`;
  ok(await imgpkg(["push", "-i", `${host}/bundle:${signature}`, "-f", "app"], { cwd }));
  const copy = ["copy", "-b", `${host}/bundle:v1`, "--to-repo"];
  ok(await imgpkg([...copy, `${host}/plain`]));
  ok(await imgpkg([...copy, `${host}/signed`, "--cosign-signatures"]));
  assert.doesNotMatch(ok(await imgpkg(["tag", "list", "-i", `${host}/plain`])), /\.sig/);
  assert.ok(ok(await imgpkg(["tag", "list", "-i", `${host}/signed`])).includes(signature));
  const describe = ["describe", "-b", `${host}/signed:v1`, "--layers=false"];
  assert.match(ok(await imgpkg(describe)), /Type: Signature/);
  assert.doesNotMatch(ok(await imgpkg([...describe, "--cosign-artifacts=false"])), /Type: Signature/);
  assert.match(ok(await imgpkg([...describe, "--output-type", "yaml", "--concurrency=1"])), /^sha: sha256:/);
});
