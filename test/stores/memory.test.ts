import assert from "node:assert/strict";
import test from "node:test";
import { bodyOf } from "../../src/bytes/body.ts";
import { MemoryStore } from "../../src/stores/memory.ts";
import { blob, image, writeContent } from "../support/content.ts";
import { rejectsWith, storeContract, tagsOf } from "./contract.ts";
import { repositoryContract } from "./repository-contract.ts";

storeContract("memory", async () => {
  const store = new MemoryStore();
  return { sink: store, read: async () => store };
});

repositoryContract("memory", async () => new MemoryStore());

test("memory: the empty reference is the only image", async () => {
  const store = new MemoryStore();
  await rejectsWith("ERR_LADING_NOT_FOUND", store.resolve(""));
  const content = image();
  await writeContent(store, content);
  assert.equal((await store.resolve("")).digest, content.root.digest);
  await writeContent(store, image({ seed: 2 }));
  await rejectsWith("ERR_LADING_REFERENCE", store.resolve(""));
});

test("memory: a store of its own shares nothing", async () => {
  const a = new MemoryStore();
  const each = blob(10);
  await a.write(each, bodyOf(each.bytes));
  assert.equal(await new MemoryStore().has(each), false);
  assert.deepEqual(await tagsOf(a), []);
});
