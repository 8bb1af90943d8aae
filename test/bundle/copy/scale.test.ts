import assert from "node:assert/strict";
import test from "node:test";
import { gatherBundle } from "../../../src/bundle/copy/gather-bundle.ts";
import { relocate } from "../../../src/bundle/copy/relocate.ts";
import { pushBundle } from "../../../src/bundle/push/push.ts";
import { parseReference } from "../../../src/spec/reference.ts";
import { FakeRegistry } from "../../copy/fake-registry.ts";
import { image, writeContent } from "../../support/content.ts";
import { tempDir } from "../../support/tmp.ts";
import { bundleFolder } from "../acceptance/support.ts";
import { tagsOf } from "./yard.ts";

const images = 10_000;

test("ten thousand images in one lock: each is copied once, with as many requests at a time as allowed", async (t) => {
  const dir = await tempDir(t);
  const registries = new Map(["from.test", "to.test"].map((host) => [host, new FakeRegistry(host)]));
  const open = (registry: string, repository: string) => {
    const found = registries.get(registry);
    assert.ok(found);
    return found.repository(repository);
  };
  const references: string[] = [];
  for (let seed = 0; seed < images; seed++) {
    const content = image({ seed, layers: 0 });
    await writeContent(open("from.test", "apps"), content);
    references.push(`from.test/apps@${content.root.digest}`);
  }
  const folder = bundleFolder(`${dir}/bundle`, references);
  const bundle = open("from.test", "bundle");
  await pushBundle([{ path: folder }], { sink: bundle, tag: "v1" }, { tempDir: dir });

  let running = 0;
  let most = 0;
  for (const registry of registries.values()) {
    registry.calls.length = 0;
    registry.before = async () => {
      most = Math.max(most, ++running);
      await new Promise(setImmediate);
      running--;
    };
  }
  const reference = parseReference("from.test/bundle:v1");
  const concurrency = 5;
  const set = await gatherBundle(
    { reference, source: bundle, tag: "v1" },
    { open: async ({ registry, repository }) => open(registry, repository) },
    { concurrency },
  );
  const to = open("to.test", "all");
  const done = await relocate(set, to, { tempDir: dir, concurrency });
  assert.equal(done.images.length, images + 1);
  assert.equal(done.locations.length, 1);
  assert.ok(most <= 4 * concurrency, `${most} at once`);
  assert.equal((await tagsOf(to)).length, images + 4);
  const resolved = registries.get("from.test")?.calls.filter(({ what }) => what === "resolve").length ?? 0;
  // Beside the bundle and at its origin; the bundle itself and its locations.
  assert.ok(resolved <= 2 * images + 4, `${resolved} lookups`);
});
