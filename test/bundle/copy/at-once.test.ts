/** Several copies of one bundle at the same time, and one image that a lock names in several registries. */
import assert from "node:assert/strict";
import test from "node:test";
import { image } from "../../support/content.ts";
import { startDockerRegistry } from "../../support/docker-registry.ts";
import { startFaultProxy } from "../../support/fault-proxy.ts";
import { needs } from "../../support/peers.ts";
import { startRegistry } from "../../support/registry.ts";
import { Yard } from "./yard.ts";

for (const name of ["Lading", "docker-registry"] as const) {
  const peers = name === "Lading" ? {} : needs("docker-registry");
  test(
    `copies of one bundle to one repository of ${name} at the same time all succeed, and leave what one leaves`,
    peers,
    async (t) => {
      const from = (await startRegistry(t)).host;
      const to = name === "Lading" ? (await startRegistry(t)).host : (await startDockerRegistry(t)).host;
      const yard = await Yard.open(t);
      const apps = [];
      for (const seed of [1, 2, 3]) apps.push(await yard.put(`${from}/app-${seed}`, image({ seed })));
      const nested = await yard.bundle(`${from}/nested`, apps.slice(1));
      await yard.bundle(`${from}/outer`, [...apps, nested]);
      await yard.copy(`${from}/outer:v1`, `${to}/alone`);

      // docker-registry answers 500 about a blob that another request is just storing: asked again it knows.
      const patient = { retry: { attempts: 8, minDelayMs: 20 } };
      const copyThere = () => yard.copy(`${from}/outer:v1`, `${to}/together`, {}, patient);
      const done = await Promise.all([1, 2, 3].map(copyThere));
      const digests = done.map(({ locations }) => locations.map(({ root }) => root.digest).sort());
      assert.deepEqual(digests[1], digests[0]);
      assert.deepEqual(digests[2], digests[0]);
      const tags = (await yard.tags(`${to}/alone`)).sort();
      assert.deepEqual((await yard.tags(`${to}/together`)).sort(), tags);
      for (const tag of tags) {
        const [alone, together] = [yard.at(`${to}/alone`), yard.at(`${to}/together`)];
        assert.equal((await together.resolve(tag)).digest, (await alone.resolve(tag)).digest, tag);
      }
      const again = await yard.copy(`${from}/outer:v1`, `${to}/together`);
      assert.equal(again.moved.nodes, 0);
    },
  );
}

test("one digest under two registries is copied once, from whichever has it", async (t) => {
  const [gone, there, to] = [await startRegistry(t), await startRegistry(t), await startRegistry(t)];
  const yard = await Yard.open(t);
  const app = await yard.image(`${there.host}/app`, 1);
  const digest = app.split("@")[1] ?? "";
  const names = [`${gone.host}/app@${digest}`, app];
  await yard.bundle(`${there.host}/bundle`, names);
  await yard.bundle(`${there.host}/reversed`, [...names].reverse());
  const proxy = await startFaultProxy(t, to.host);
  for (const bundle of ["bundle", "reversed"]) {
    proxy.script();
    const done = await yard.copy(`${there.host}/${bundle}:v1`, `${proxy.host}/${bundle}`);
    assert.deepEqual(
      done.images.map(({ image: { from } }) => from).filter((from) => from.includes("/app@")),
      [app],
    );
    const puts = proxy.requests.filter(
      ({ method, url }) => method === "PUT" && url.endsWith(`/manifests/${digest}`),
    );
    assert.ok(puts.length <= 1);
    await yard.at(`${to.host}/${bundle}`).resolve(digest);
  }
});
