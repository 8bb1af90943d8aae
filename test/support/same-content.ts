import assert from "node:assert/strict";
import { collect } from "../../src/bytes/collect.ts";
import { digestOf } from "../../src/bytes/hash.ts";
import { algorithmOf } from "../../src/spec/digest.ts";
import type { Source } from "../../src/stores/store.ts";
import type { Content } from "./content.ts";

/** Asserts that a store gives every byte of the content back, read raw and hashed anew. */
export async function assertHolds(store: Source, content: Content): Promise<void> {
  for (const { kind, descriptor, bytes } of content.nodes) {
    const stream = await store.body({ kind, descriptor }).open({ offset: 0 });
    const read = await collect(stream, bytes.byteLength + 1, descriptor.digest);
    assert.equal(digestOf(read, algorithmOf(descriptor.digest)), descriptor.digest, store.label);
  }
}

/** Asserts that a name stands for the content's root, and that all of it is there. */
export async function assertNamed(store: Source, name: string, content: Content): Promise<void> {
  assert.equal((await store.resolve(name)).digest, content.root.digest, `${name} at ${store.label}`);
  await assertHolds(store, content);
}
