import assert from "node:assert/strict";
import test from "node:test";
import { copy } from "../../src/copy/copy.ts";
import type { LadingEvent } from "../../src/events.ts";
import type { Descriptor } from "../../src/spec/descriptor.ts";
import type { Digest } from "../../src/spec/digest.ts";
import { MemoryStore } from "../../src/stores/memory.ts";
import { artifact, image, index, writeContent } from "../support/content.ts";
import { assertHolds, assertNamed } from "../support/same-content.ts";
import { FakeRegistry } from "./fake-registry.ts";

const app = image({ seed: 1 });
const multi = index([app, image({ seed: 2 })]);
const sbom = artifact({ seed: 3, subject: multi.root, artifactType: "application/vnd.example.sbom" });
const signature = artifact({
  seed: 4,
  subject: sbom.root,
  artifactType: "application/vnd.example.signature",
});
const ofImage = artifact({ seed: 5, subject: app.root, artifactType: "application/vnd.example.signature" });
const referrers = [sbom, signature, ofImage];

async function source(): Promise<MemoryStore> {
  const from = new MemoryStore("from");
  await writeContent(from, multi, "v1");
  for (const content of referrers) await writeContent(from, content);
  return from;
}

test("referrers stay behind unless they are asked for", async () => {
  const to = new MemoryStore();
  await copy([{ from: await source(), reference: "v1", to, tags: ["v1"] }]);
  for (const { root } of referrers) assert.equal(await to.has({ kind: "manifest", descriptor: root }), false);
});

test("referrers go along: of the root, of an image in the index, and of a referrer", async () => {
  const to = new MemoryStore();
  const result = await copy([{ from: await source(), reference: "v1", to, tags: ["v1"], referrers: true }]);
  await assertNamed(to, "v1", multi);
  for (const content of referrers) await assertHolds(to, content);
  assert.equal(result.images[0]?.referrers, 3);
  const found: string[] = [];
  for await (const { digest } of to.referrers(multi.root.digest)) found.push(digest);
  assert.deepEqual(found, [sbom.root.digest]);
});

test("only the artifact types that are asked for", async () => {
  const to = new MemoryStore();
  const wanted = ["application/vnd.example.signature"];
  await copy([{ from: await source(), reference: "v1", to, tags: ["v1"], referrers: wanted }]);
  await assertHolds(to, ofImage);
  assert.equal(await to.has({ kind: "manifest", descriptor: sbom.root }), false);
});

test("new referrers of a present image are copied, with trusted roots as well", async () => {
  const registry = new FakeRegistry("registry.example");
  const from = await source();
  const to = registry.repository("app");
  await copy([{ from, reference: "v1", to, tags: ["v1"] }]);
  registry.calls.length = 0;
  await copy([{ from, reference: "v1", to, tags: ["v1"], referrers: true }], { trustRoots: true });
  for (const content of referrers) await assertHolds(to.content, content);
  const asked = new Set(registry.calls.filter(({ what }) => what === "has").map(({ digest }) => digest));
  for (const each of multi.nodes) {
    if (each.kind === "blob") assert.equal(asked.has(each.descriptor.digest), false, "trusted, so not asked");
  }
});

test("a tag appears after the referrers", async () => {
  const registry = new FakeRegistry("registry.example");
  await copy([
    { from: await source(), reference: "v1", to: registry.repository("app"), tags: ["v1"], referrers: true },
  ]);
  assert.equal(registry.calls.at(-1)?.what, "tag");
});

/** A source whose list of referrers says more than is true. */
class Listing extends MemoryStore {
  readonly also: Descriptor[] = [];

  override async *referrers(subject: Digest): AsyncGenerator<Descriptor> {
    yield* super.referrers(subject);
    if (subject === app.root.digest) yield* this.also;
  }
}

test("a listed referrer that is gone, or refers to something else, is left out with a warning", async () => {
  const from = new Listing("from");
  await writeContent(from, app, "v1");
  const stranger = artifact({ seed: 9, subject: multi.root });
  const gone = artifact({ seed: 8, subject: app.root });
  await writeContent(from, stranger);
  await writeContent(from, ofImage);
  from.also.push(stranger.root, gone.root);
  const events: LadingEvent[] = [];
  const to = new MemoryStore();
  await copy([{ from, reference: "v1", to, tags: ["v1"], referrers: true }], {
    on: (event) => events.push(event),
  });
  await assertNamed(to, "v1", app);
  await assertHolds(to, ofImage);
  assert.equal(await to.has({ kind: "manifest", descriptor: stranger.root }), false);
  assert.equal(events.filter(({ type }) => type === "warning").length, 2);
});

test("a wrongly listed referrer that the graph has anyway still goes along", async () => {
  const from = new Listing("from");
  // The list for the first image names the second, which the index has one level further down.
  const second = image({ seed: 2 });
  const whole = index([app, index([second])]);
  await writeContent(from, whole, "v1");
  from.also.push(second.root);
  const to = new MemoryStore();
  await copy([{ from, reference: "v1", to, tags: ["v1"], referrers: true }]);
  await assertNamed(to, "v1", whole);
});
