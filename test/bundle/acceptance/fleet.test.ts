/** Twelve images on three levels of bundles, on every way that there is. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import test, { type TestContext } from "node:test";
import type { Digest } from "../../../src/spec/digest.ts";
import { createRegistryClient } from "../../../src/stores/registry/client.ts";
import { startDockerRegistry } from "../../support/docker-registry.ts";
import { startFaultProxy } from "../../support/fault-proxy.ts";
import { registryKinds } from "../../support/guarded-registry.ts";
import { needs } from "../../support/peers.ts";
import { startRegistry } from "../../support/registry.ts";
import { tempDir } from "../../support/tmp.ts";
import { type Fleet, pushFleet } from "./fleet.ts";
import { run, type Shell } from "./support.ts";

interface Scene {
  readonly shell: Shell;
  readonly fleet: Fleet;
}

async function scene(t: TestContext): Promise<Scene> {
  const cwd = await tempDir(t);
  const shell = { cwd, env: { HOME: cwd } };
  const { host } = await startRegistry(t);
  return { shell, fleet: await pushFleet(shell, host) };
}

interface Copied {
  readonly moved: { readonly nodes: number; readonly bytes: number };
}

async function copied(shell: Shell, line: string): Promise<Copied> {
  return JSON.parse((await run(shell, `${line} --json`)).stdout) as Copied;
}

/** Digests that the locations tags of all bundles stand for, in the order of the bundles. */
async function locationsIn(to: string, { bundles }: Fleet): Promise<Digest[]> {
  await using client = createRegistryClient();
  const [registry = "", repository = ""] = to.split(/\/(.*)/);
  const store = client.repository({ registry, repository });
  const found: Digest[] = [];
  for (const bundle of bundles) {
    found.push((await store.resolve(`${bundle.replace(":", "-")}.image-locations.imgpkg`)).digest);
  }
  return found;
}

/** Everything of the fleet is in one repository, under its digest and its generated tag. */
async function checkArrived({ shell, fleet }: Scene, to: string): Promise<void> {
  const tags = (await run(shell, `tag list -i ${to} --imgpkg-internal-tags`)).stdout.split("\n");
  for (const digest of [...fleet.bundles, ...fleet.images]) {
    assert.ok(tags.includes(`${digest.replace(":", "-")}.imgpkg`), `${digest} has its tag`);
  }
  assert.ok(tags.includes("v1"));
  assert.equal((await locationsIn(to, fleet)).length, fleet.bundles.length);
  await run(shell, `bundle verify ${to}:v1 --bytes`);
}

async function checkPulled({ shell, fleet }: Scene, to: string): Promise<void> {
  await run(shell, `pull -r -b ${to}:v1 -o out`);
  const folders = fleet.bundles
    .slice(1)
    .map((digest) => join("out/.imgpkg/bundles", digest.replace(":", "-")));
  for (const folder of ["out", ...folders]) {
    const lock = readFileSync(join(shell.cwd, folder, ".imgpkg/images.yml"), "utf8");
    for (const [, image = ""] of lock.matchAll(/image: (\S+)@/g)) assert.equal(image, to);
  }
}

for (const kind of registryKinds) {
  const peers = kind === "docker-registry" ? needs("docker-registry") : {};
  const start = (t: TestContext): Promise<{ readonly host: string }> =>
    // Where nothing can be deleted, copies must not need to.
    kind === "docker-registry"
      ? startDockerRegistry(t, { deletes: false })
      : startRegistry(t, { deletes: {} });

  test(`a fleet goes to ${kind}, which rejects deletes; the second copy moves nothing`, peers, async (t) => {
    const here = await scene(t);
    const { shell, fleet } = here;
    const to = `${(await start(t)).host}/relocated/fleet`;
    const line = `copy -b ${fleet.reference} --to-repo ${to}`;
    assert.ok((await copied(shell, line)).moved.nodes > 30);
    const locations = await locationsIn(to, fleet);
    await checkArrived(here, to);
    assert.deepEqual((await copied(shell, line)).moved, { nodes: 0, bytes: 0 });
    assert.deepEqual(await locationsIn(to, fleet), locations);
    await checkPulled(here, to);
  });

  test(
    `a fleet goes through a tar to ${kind}; a second time gives the same tar and moves nothing`,
    peers,
    async (t) => {
      const here = await scene(t);
      const { shell, fleet } = here;
      const to = `${(await start(t)).host}/relocated/fleet`;
      await run(shell, `copy -b ${fleet.reference} --to-tar one.tar`);
      await run(shell, `copy -b ${fleet.reference} --to-tar two.tar --concurrency 1`);
      assert.ok(readFileSync(join(shell.cwd, "one.tar")).equals(readFileSync(join(shell.cwd, "two.tar"))));
      const line = `copy --tar one.tar --to-repo ${to} --lock-output lock.yml`;
      assert.ok((await copied(shell, line)).moved.nodes > 30);
      assert.match(readFileSync(join(shell.cwd, "lock.yml"), "utf8"), /kind: BundleLock/);
      const locations = await locationsIn(to, fleet);
      await checkArrived(here, to);
      assert.deepEqual((await copied(shell, line)).moved, { nodes: 0, bytes: 0 });
      assert.deepEqual(await locationsIn(to, fleet), locations);
      // What came directly is no different from what came through the tar.
      await run(shell, `copy -b ${fleet.reference} --to-repo ${to}`);
      assert.deepEqual(await locationsIn(to, fleet), locations);
      await checkPulled(here, to);
    },
  );
}

test("a fleet goes to a registry that has no HEAD", async (t) => {
  const here = await scene(t);
  const { host } = await startRegistry(t);
  const proxy = await startFaultProxy(t, host, {
    match: { method: "HEAD" },
    times: Number.MAX_SAFE_INTEGER,
    action: { kind: "status", status: 405 },
  });
  const to = `${proxy.host}/relocated/fleet`;
  const line = `copy -b ${here.fleet.reference} --to-repo ${to}`;
  await run(here.shell, line);
  const locations = await locationsIn(to, here.fleet);
  await checkArrived(here, to);
  await run(here.shell, line);
  assert.deepEqual(await locationsIn(to, here.fleet), locations);
  await checkPulled(here, to);
});
