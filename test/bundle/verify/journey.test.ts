import assert from "node:assert/strict";
import { join } from "node:path";
import test from "node:test";
import { createRegistryClient } from "../../../src/stores/registry/client.ts";
import { lading } from "../../cli/support/program.ts";
import { startDockerRegistry } from "../../support/docker-registry.ts";
import { registryKinds } from "../../support/guarded-registry.ts";
import { needs } from "../../support/peers.ts";
import { startRegistry } from "../../support/registry.ts";
import { tempDir } from "../../support/tmp.ts";
import { bundleFolder, put, resolved, run } from "../acceptance/support.ts";

for (const kind of registryKinds) {
  const option = kind === "docker-registry" ? needs("docker-registry") : {};
  test(`what copy has relocated verifies, and describe tells where it was: ${kind}`, option, async (t) => {
    const cwd = await tempDir(t);
    const shell = { cwd, env: {} };
    const from = await startRegistry(t);
    const to = kind === "docker-registry" ? await startDockerRegistry(t) : await startRegistry(t);
    put(join(cwd, "app/app.txt"), "app\n");
    await run(shell, `push -i ${from.host}/app:v1 -f app`);
    const app = await resolved(shell, `${from.host}/app:v1`);
    bundleFolder(join(cwd, "inner"), [app]);
    await run(shell, `push -b ${from.host}/inner:v1 -f inner`);
    const inner = await resolved(shell, `${from.host}/inner:v1`);
    bundleFolder(join(cwd, "outer"), [inner]);
    await run(shell, `push -b ${from.host}/outer:v1 -f outer`);
    await run(shell, `copy -b ${from.host}/outer:v1 --to-repo ${to.host}/x`);
    await from.server.close({ graceMs: 0 });

    const { stdout } = await run(shell, `bundle verify ${to.host}/x:v1 --bytes --json`);
    const { state, images } = JSON.parse(stdout);
    assert.equal(state, "ok");
    assert.deepEqual(
      images.map((each: { kind: string; image: string }) => `${each.kind} ${each.image.split("@")[0]}`),
      ["bundle", "locations", "bundle", "locations", "image"].map((what) => `${what} ${to.host}/x`),
    );
    const text = (await run(shell, `describe -b ${to.host}/x:v1`)).stdout;
    const here = (reference: string) => reference.replace(/^[^@]*/, `${to.host}/x`);
    assert.match(text, new RegExp(`- Image: ${here(inner)}\n    Type: Bundle\n    Origin: ${inner}\n`));
    assert.match(text, new RegExp(`- Image: ${here(app)}\n      Type: Image\n      Origin: ${app}\n`));
    assert.equal(text.match(/Type: Internal/g)?.length, 2);
    assert.equal((await run(shell, `tag list -i ${to.host}/x`)).stdout, "v1\n");

    // The registry loses the image: the locations image says what is not so any more.
    const client = createRegistryClient();
    t.after(() => client.close());
    const store = client.repository({ registry: to.host, repository: "x" });
    const descriptor = await store.resolve(here(app).split("@")[1] ?? "");
    await store.remove({ kind: "manifest", descriptor });
    const lost = await lading(["bundle", "verify", `${to.host}/x:v1`]);
    assert.equal(lost.code, 3);
    assert.match(lost.stdout, /the locations image says that it is here: /);
  });
}
