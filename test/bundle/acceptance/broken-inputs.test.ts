/** Bundles that are broken, and what is left of a copy that meets one: one clear error, and no locations image. */
import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import test, { type TestContext } from "node:test";
import { memoryRepositories } from "../../../src/server/repositories/memory.ts";
import { ended, startLading } from "../../cli/support/program.ts";
import { image, writeContent } from "../../support/content.ts";
import { credentialsOf, startGuardedRegistry } from "../../support/guarded-registry.ts";
import { startRegistry } from "../../support/registry.ts";
import { tempDir } from "../../support/tmp.ts";
import { bundleFolder, fails, locationsTagOf, put, resolved, run, type Shell } from "./support.ts";

async function shellOf(t: TestContext): Promise<Shell> {
  const cwd = await tempDir(t);
  return { cwd, env: { HOME: cwd } };
}

test("a lock of an unknown kind names its file and what was expected", async (t) => {
  const shell = await shellOf(t);
  const { host } = await startRegistry(t);
  const text = "---\napiVersion: imgpkg.carvel.dev/v1alpha1\nkind: PicturesLock\n";
  put(join(shell.cwd, "lock.yml"), text);
  const copied = await fails(shell, `copy --lock lock.yml --to-repo ${host}/there`);
  assert.match(copied, /Unknown kind \(known: ImagesLock\)/);
  assert.match(copied, /lock\.yml/);
  put(join(bundleFolder(join(shell.cwd, "bundle"), []), ".imgpkg/images.yml"), text);
  const pushed = await fails(shell, `push -b ${host}/bundle -f bundle`);
  assert.match(pushed, /Unknown kind \(known: ImagesLock\)/);
  assert.match(pushed, /images\.yml/);
});

test("wrong credentials on one of three registries: that one is named, nothing is half done", async (t) => {
  const cwd = await tempDir(t);
  const [first, second] = await Promise.all([
    startGuardedRegistry(t, "our registry", 0),
    startGuardedRegistry(t, "our registry", 1),
  ]);
  const { host: third } = await startRegistry(t);
  const right = { cwd, env: { HOME: cwd, ...credentialsOf(first, second) } };
  const images: string[] = [];
  for (const { host } of [first, second]) {
    put(join(cwd, "app/app.txt"), `of ${host}\n`);
    await run(right, `push -i ${host}/app -f app`);
    images.push(await resolved(right, `${host}/app`));
  }
  bundleFolder(join(cwd, "bundle"), images);
  await run(right, `push -b ${first.host}/bundle:v1 -f bundle`);
  const bundle = await resolved(right, `${first.host}/bundle:v1`);
  const wrong = {
    cwd,
    env: { HOME: cwd, ...credentialsOf(first, { ...second, password: "a wrong secret" }) },
  };
  const line = `copy -b ${first.host}/bundle:v1 --to-repo ${third}/there`;
  const said = await fails(wrong, line);
  assert.ok(said.includes(second.host), said);
  assert.ok(!said.includes("a wrong secret") && !said.includes(first.password), "no secret is printed");
  await fails(right, `tag resolve -i ${third}/there:${locationsTagOf(bundle)}`);
  await fails(right, `tag resolve -i ${third}/there:v1`);
  await run(right, line);
  await run(right, `tag resolve -i ${third}/there:${locationsTagOf(bundle)}`);
});

test("a tar that was cut short copies nothing that could be found", async (t) => {
  const shell = await shellOf(t);
  const { host } = await startRegistry(t);
  const { host: other } = await startRegistry(t);
  put(join(shell.cwd, "app/app.txt"), "an application\n".repeat(10_000));
  await run(shell, `push -i ${host}/app -f app --compression none`);
  bundleFolder(join(shell.cwd, "bundle"), [await resolved(shell, `${host}/app`)]);
  await run(shell, `push -b ${host}/bundle:v1 -f bundle`);
  const bundle = await resolved(shell, `${host}/bundle:v1`);
  await run(shell, `copy -b ${host}/bundle:v1 --to-tar whole.tar`);
  const whole = readFileSync(join(shell.cwd, "whole.tar"));
  for (const [name, size] of [
    ["in-a-layer", whole.length - 5000],
    ["in-the-manifest", 700],
    ["empty", 0],
  ] as const) {
    writeFileSync(join(shell.cwd, `${name}.tar`), whole.subarray(0, size));
    await fails(shell, `copy --tar ${name}.tar --to-repo ${other}/there`);
    await fails(shell, `tag resolve -i ${other}/there:v1`);
    await fails(shell, `tag resolve -i ${other}/there:${locationsTagOf(bundle)}`);
  }
  await run(shell, `copy --tar whole.tar --to-repo ${other}/there`);
  await run(shell, `bundle verify ${other}/there:v1 --bytes`);
});

test("a tag that has moved: by its lock the bundle is copied as it was", async (t) => {
  const shell = await shellOf(t);
  const { host } = await startRegistry(t);
  bundleFolder(join(shell.cwd, "bundle"), [], "version: 1\n");
  await run(shell, `push -b ${host}/bundle:v1 -f bundle --lock-output lock.yml`);
  const before = await resolved(shell, `${host}/bundle:v1`);
  bundleFolder(join(shell.cwd, "bundle"), [], "version: 2\n");
  await run(shell, `push -b ${host}/bundle:v1 -f bundle`);
  await run(shell, `copy --lock lock.yml --to-repo ${host}/there`);
  assert.equal(await resolved(shell, `${host}/there:v1`), before.replace("/bundle@", "/there@"));
});

test("ten thousand images in one lock: copied, found and pulled, in bounded memory", async (t) => {
  const shell = await shellOf(t);
  const repositories = memoryRepositories();
  const { host } = await startRegistry(t, { repositories });
  // Straight into the registry's memory: to send so much would take most of the test's time.
  const { store } = await repositories.open("apps");
  const base = image({ layers: 1 });
  await writeContent(store, base);
  const layer = base.nodes.filter(({ kind }) => kind === "blob").slice(0, 1);
  const images: string[] = [];
  for (let seed = 0; seed < 10_000; seed++) {
    const one = image({ seed, layers: 0, base: layer });
    await writeContent(store, one);
    images.push(`${host}/apps@${one.root.digest}`);
  }
  bundleFolder(join(shell.cwd, "bundle"), images.sort());
  await run(shell, `push -b ${host}/bundle:v1 -f bundle`);

  for (const line of [
    `copy -b ${host}/bundle:v1 --to-repo ${host}/there`,
    `pull -b ${host}/there:v1 -o out`,
    `copy -b ${host}/there:v1 --to-tar many.tar`,
  ]) {
    const child = startLading(line.split(" "), { ...shell, timeoutMs: 300_000 });
    let peak = 0;
    const watch = setInterval(() => {
      peak = Math.max(peak, peakOf(child.pid));
    }, 20);
    const { code, stderr } = await ended(child);
    clearInterval(watch);
    assert.equal(code, 0, stderr);
    assert.ok(peak > 0 && peak < 450 * 1024 * 1024, `${line}: ${Math.round(peak / 1e6)} MB`);
  }
  const lock = readFileSync(join(shell.cwd, "out/.imgpkg/images.yml"), "utf8");
  assert.equal(lock.match(new RegExp(`image: ${host}/there@`, "g"))?.length, 10_000);
});

/** Bytes that a process has held at most (proc(5), VmHWM); 0 when it is gone. */
function peakOf(pid: number | undefined): number {
  try {
    const status = readFileSync(`/proc/${pid}/status`, "utf8");
    return Number(/VmHWM:\s+([0-9]+) kB/.exec(status)?.[1] ?? 0) * 1024;
  } catch {
    return 0;
  }
}
