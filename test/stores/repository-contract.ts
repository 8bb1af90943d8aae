import assert from "node:assert/strict";
import test, { type TestContext } from "node:test";
import { bodyOf } from "../../src/bytes/body.ts";
import { streamOf } from "../../src/bytes/stream.ts";
import type { RepositoryStore } from "../../src/stores/store.ts";
import { blob, image, index, writeContent } from "../support/content.ts";
import { bytesOf, referrersOf, rejectsWith, tagsOf } from "./contract.ts";

/** What a store has to pass beside the store contract so that the server can serve it. */
export function repositoryContract(name: string, make: (t: TestContext) => Promise<RepositoryStore>): void {
  const run = (what: string, body: (store: RepositoryStore) => Promise<void>) =>
    test(`${name}: ${what}`, async (t) => {
      const store = await make(t);
      try {
        await body(store);
      } finally {
        await store[Symbol.asyncDispose]();
      }
    });

  run("untag takes the name and leaves the manifest", async (store) => {
    const content = image();
    await writeContent(store, content, "v1", "v2");
    assert.equal(await store.untag("v1"), true);
    assert.equal(await store.untag("v1"), false);
    assert.deepEqual(await tagsOf(store), ["v2"]);
    assert.equal(await store.untag("v2"), true);
    assert.equal((await store.resolve(content.root.digest)).mediaType, content.root.mediaType);
    assert.deepEqual(await manifestsOf(store), [content.root.digest]);
  });

  run("remove takes a manifest with all its names", async (store) => {
    const content = image();
    const other = image({ seed: 2 });
    await writeContent(store, content, "v1", "v2");
    await writeContent(store, other, "v3");
    const node = { kind: "manifest", descriptor: content.root } as const;
    assert.equal(await store.remove(node), true);
    assert.equal(await store.remove(node), false);
    assert.deepEqual(await tagsOf(store), ["v3"]);
    assert.equal(await store.has(node), false);
    await rejectsWith("ERR_LADING_NOT_FOUND", store.resolve(content.root.digest));
    assert.deepEqual(await manifestsOf(store), [other.root.digest]);
    await writeContent(store, content, "v1");
    assert.equal((await store.resolve("v1")).digest, content.root.digest);
  });

  run("the manifests of a removed index stay", async (store) => {
    const children = [image({ seed: 1 }), image({ seed: 2 })];
    const content = index(children);
    await writeContent(store, content, "v1");
    assert.equal((await manifestsOf(store)).length, 3);
    await store.remove({ kind: "manifest", descriptor: content.root });
    assert.deepEqual(await manifestsOf(store), children.map(({ root }) => root.digest).sort());
    for (const { root } of children) {
      assert.equal((await store.resolve(root.digest)).mediaType, root.mediaType);
      assert.equal(await store.has({ kind: "manifest", descriptor: root }), true);
    }
  });

  run("a manifest that is removed from under its index is gone, the index stays", async (store) => {
    const children = [image({ seed: 1 }), image({ seed: 2 })];
    const content = index(children);
    await writeContent(store, content, "v1");
    const removed = children[0]?.root ?? content.root;
    assert.equal(await store.remove({ kind: "manifest", descriptor: removed }), true);
    assert.equal(await store.remove({ kind: "manifest", descriptor: removed }), false);
    await rejectsWith("ERR_LADING_NOT_FOUND", store.resolve(removed.digest));
    assert.equal((await store.resolve("v1")).digest, content.root.digest);
    assert.equal((await manifestsOf(store)).length, 2);
  });

  run("a tag that moves leaves the old manifest", async (store) => {
    const old = image({ seed: 1 });
    await writeContent(store, old, "v1");
    await writeContent(store, image({ seed: 2 }), "v1");
    assert.equal((await store.resolve(old.root.digest)).digest, old.root.digest);
    assert.equal((await manifestsOf(store)).length, 2);
  });

  run("remove takes a blob", async (store) => {
    const each = blob(1000);
    await store.write(each, bodyOf(each.bytes));
    assert.equal(await store.remove(each), true);
    assert.equal(await store.remove(each), false);
    assert.equal(await store.has(each), false);
    await rejectsWith("ERR_LADING_NOT_FOUND", bytesOf(store, each));
  });

  run("a referrer that is removed is no longer listed", async (store) => {
    const subject = image();
    const referrer = image({ seed: 2, subject: subject.root });
    await writeContent(store, subject, "v1");
    await writeContent(store, referrer);
    assert.equal((await referrersOf(store, subject.root)).length, 1);
    await store.remove({ kind: "manifest", descriptor: referrer.root });
    assert.equal((await referrersOf(store, subject.root)).length, 0);
  });

  for (const [started, finished] of [
    ["sha256", "sha256"],
    ["sha512", "sha512"],
    ["sha256", "sha512"],
  ] as const) {
    run(`takes a blob in pieces (${started} begun, ${finished} finished)`, async (store) => {
      const each = blob(2_345_678, 3, finished);
      const upload = await store.startUpload({ algorithm: started });
      assert.match(upload.id, /^[A-Za-z0-9_-]+$/);
      assert.equal(upload.offset, 0);
      assert.equal(await upload.append(streamOf(each.bytes.subarray(0, 10))), 10);
      const again = await store.resumeUpload(upload.id);
      assert.equal(again?.offset, 10);
      assert.equal(await again.append(streamOf(each.bytes.subarray(10))), each.bytes.length);
      assert.equal(await store.has(each), false);
      const descriptor = await again.finish(each.descriptor.digest);
      assert.equal(descriptor.digest, each.descriptor.digest);
      assert.equal(descriptor.size, each.bytes.length);
      assert.deepEqual(await bytesOf(store, each), each.bytes);
      assert.equal(await store.resumeUpload(upload.id), undefined);
    });
  }

  run("an upload without bytes is the empty blob", async (store) => {
    const each = blob(0);
    const upload = await store.startUpload();
    assert.equal((await upload.finish(each.descriptor.digest)).size, 0);
    assert.equal(await store.has(each), true);
  });

  run("an upload keeps what came before the line broke", async (store) => {
    const each = blob(500_000, 4);
    const upload = await store.startUpload();
    await assert.rejects(
      upload.append(
        (async function* () {
          yield each.bytes.subarray(0, 200_000);
          throw new Error("broken");
        })(),
      ),
      /broken/,
    );
    assert.equal(upload.offset, 200_000);
    await upload.append(streamOf(each.bytes.subarray(200_000)));
    await upload.finish(each.descriptor.digest);
    assert.deepEqual(await bytesOf(store, each), each.bytes);
  });

  run("an upload with the wrong digest is gone and shows nothing", async (store) => {
    const each = blob(1000, 5);
    const upload = await store.startUpload();
    await upload.append(streamOf(blob(1000, 6).bytes));
    await rejectsWith("ERR_LADING_DIGEST_MISMATCH", upload.finish(each.descriptor.digest));
    assert.equal(await store.has(each), false);
    assert.equal(await store.resumeUpload(upload.id), undefined);
  });

  run("a discarded or unknown upload cannot be resumed", async (store) => {
    const upload = await store.startUpload();
    await upload.append(streamOf(Buffer.from("x")));
    await upload.discard();
    for (const id of [upload.id, "00000000000000000000000000000000", "../index.json", "", "."]) {
      assert.equal(await store.resumeUpload(id), undefined);
    }
  });
}

async function manifestsOf(store: RepositoryStore): Promise<string[]> {
  const digests: string[] = [];
  for await (const { digest } of store.manifests()) digests.push(digest);
  return digests.sort();
}
