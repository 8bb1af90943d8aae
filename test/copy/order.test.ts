import assert from "node:assert/strict";
import test from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { copy } from "../../src/copy/copy.ts";
import { plan } from "../../src/copy/plan.ts";
import { MemoryStore } from "../../src/stores/memory.ts";
import type { WriteOptions } from "../../src/stores/store.ts";
import { artifact, blob, image, index, writeContent } from "../support/content.ts";
import { FakeRegistry } from "./fake-registry.ts";

test("biggest blobs first; each manifest as soon as its children are there; the tag last", async () => {
  const small = image({ seed: 1, layers: 2 });
  const large = artifact({ seed: 2, blobs: [blob(3_000_000, 5), blob(2_000_000, 6)] });
  const content = index([small, large]);
  const from = new MemoryStore();
  await writeContent(from, content, "v1");
  const registry = new FakeRegistry("registry.example");
  // As slow as they are large.
  registry.before = async ({ what, digest }) => {
    const node = content.nodes.find(({ descriptor }) => descriptor.digest === digest);
    if (what === "write") await delay((node?.bytes.byteLength ?? 0) / 20_000);
  };
  await copy([{ from, reference: "v1", to: registry.repository("app"), tags: ["v1"] }]);
  const written = registry.calls.filter(({ what }) => what === "write").map(({ digest }) => digest);
  const sizeOf = (digest: unknown): number =>
    content.nodes.find(({ descriptor }) => descriptor.digest === digest)?.descriptor.size ?? 0;
  assert.equal(sizeOf(written[0]), 3_000_000);
  assert.equal(sizeOf(written[1]), 2_000_000);
  // The small image is whole while the large blobs are still on their way, so its manifest comes before the other.
  assert.ok(written.indexOf(small.root.digest) < written.indexOf(large.root.digest));
  assert.equal(written.at(-1), content.root.digest);
  assert.equal(registry.calls.at(-1)?.what, "tag");
});

test("large blobs in flight are limited per registry, over all its repositories", async () => {
  const registry = new FakeRegistry("registry.example");
  const from = new MemoryStore();
  const large = new Set<unknown>();
  const requests = [];
  for (let i = 0; i < 4; i++) {
    const content = artifact({ seed: i, blobs: [0, 1, 2].map((j) => blob(1_100_000, i * 10 + j + 1)) });
    for (const { descriptor } of content.nodes) if (descriptor.size > 1_000_000) large.add(descriptor.digest);
    await writeContent(from, content, `v${i}`);
    requests.push({ from, reference: `v${i}`, to: registry.repository(`app${i}`), tags: ["v1"] });
  }
  let inFlight = 0;
  let most = 0;
  registry.before = async ({ what, digest }) => {
    if (what !== "write" || !large.has(digest)) return;
    most = Math.max(most, ++inFlight);
    await delay(2);
    inFlight--;
  };
  await copy(requests, { concurrency: 3 });
  assert.equal(most, 3);
});

/** As an archive: the order in which writes begin shows. */
class Ordered extends MemoryStore {
  readonly ordered = true;
  readonly order: string[] = [];

  override write(...args: Parameters<MemoryStore["write"]>): ReturnType<MemoryStore["write"]> {
    this.order.push(args[0].descriptor.digest);
    return super.write(...args);
  }

  override async tag(...args: Parameters<MemoryStore["tag"]>): Promise<void> {
    this.order.push(args[1]);
    await super.tag(...args);
  }
}

test("a sink whose order shows gets the same order each time, however fast the source is", async () => {
  const contents = [1, 2, 3].map((seed) => index([image({ seed, layers: 3 }), image({ seed: seed + 10 })]));
  const orders = [];
  for (const pace of [0, 1, 2]) {
    class Paced extends MemoryStore {
      #opened = 0;
      override body(...args: Parameters<MemoryStore["body"]>) {
        const body = super.body(...args);
        return {
          size: body.size,
          open: async (from: Parameters<typeof body.open>[0]) => {
            if (pace > 0 && this.#opened++ % (pace + 1) === 0) await delay(pace);
            return body.open(from);
          },
        };
      }
    }
    const from = new Paced("from");
    for (const [i, content] of contents.entries()) await writeContent(from, content, `v${i}`);
    const to = new Ordered("to");
    await copy(contents.map((_, i) => ({ from, reference: `v${i}`, to, tags: [`v${i}`] })));
    orders.push(to.order);
  }
  assert.deepEqual(orders[1], orders[0]);
  assert.deepEqual(orders[2], orders[0]);
});

test("sinks are told what is known: absent where they were asked", async () => {
  const seen: (WriteOptions | undefined)[] = [];
  class Noting extends MemoryStore {
    override write(...args: Parameters<MemoryStore["write"]>): ReturnType<MemoryStore["write"]> {
      seen.push(args[2]);
      return super.write(...args);
    }
  }
  const from = new MemoryStore();
  await writeContent(from, image(), "v1");
  await copy([{ from, reference: "v1", to: new Noting(), tags: [] }]);
  assert.ok(seen.length > 0 && seen.every((options) => options?.knownAbsent === true));
});

test("plans are the same for the same input", async () => {
  const from = new MemoryStore();
  await writeContent(from, index([image({ seed: 1, layers: 5 }), image({ seed: 2 })]), "v1");
  const request = { from, reference: "v1", to: new MemoryStore(), tags: ["v1"] };
  assert.deepEqual(await plan([request]), await plan([request], { concurrency: 1 }));
});
