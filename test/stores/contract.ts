import assert from "node:assert/strict";
import test, { type TestContext } from "node:test";
import { type Body, bodyOf } from "../../src/bytes/body.ts";
import { collect } from "../../src/bytes/collect.ts";
import { isLadingError } from "../../src/errors.ts";
import type { Descriptor } from "../../src/spec/descriptor.ts";
import type { Node } from "../../src/spec/graph.ts";
import { mediaTypes } from "../../src/spec/media-type.ts";
import type { Sink, Source } from "../../src/stores/store.ts";
import {
  artifact,
  blob,
  type ContentKind,
  everyKind,
  image,
  index,
  writeContent,
} from "../support/content.ts";

/** A store under test: where to write, and how to read what was written. */
export interface Subject {
  readonly sink: Sink;
  /** Reads back; for archives this commits first, and is called once, last. */
  readonly read: () => Promise<Source>;
}

export interface StoreTraits {
  /** Kinds of content that the other side refuses by its own rules. */
  readonly refuses?: readonly ContentKind[];
  /** False where the other side has no referrers. */
  readonly referrers?: boolean;
  /** False where a name is readable only after commit. */
  readonly live?: boolean;
  /** Digest algorithms that the other side takes. Default both. */
  readonly algorithms?: readonly ("sha256" | "sha512")[];
}

/** What every store has to pass. `make` gives a fresh, empty store and cleans up with the test. */
export function storeContract(
  name: string,
  make: (t: TestContext) => Promise<Subject>,
  traits: StoreTraits = {},
): void {
  const { refuses = [], referrers = true, live = true, algorithms = ["sha256", "sha512"] } = traits;
  const run = (what: string, body: (subject: Subject) => Promise<void>) =>
    test(`${name}: ${what}`, async (t) => {
      const subject = await make(t);
      try {
        await body(subject);
      } finally {
        await subject.sink[Symbol.asyncDispose]();
      }
    });

  for (const [kind, content] of Object.entries(everyKind())) {
    if (refuses.includes(kind as ContentKind)) continue;
    run(`keeps ${kind} byte for byte`, async ({ sink, read }) => {
      for (const each of content.nodes) assert.equal(await sink.has(each), false, each.descriptor.mediaType);
      await writeContent(sink, content, "v1");
      for (const each of content.nodes) assert.equal(await sink.has(each), true, each.descriptor.mediaType);
      const source = await read();
      const { mediaType, digest, size } = content.root;
      for (const reference of ["v1", digest]) {
        const found = await source.resolve(reference);
        assert.deepEqual(
          { mediaType: found.mediaType, digest: found.digest, size: found.size },
          { mediaType, digest, size },
        );
      }
      assert.deepEqual(await tagsOf(source), ["v1"]);
      for (const each of content.nodes) assert.deepEqual(await bytesOf(source, each), each.bytes);
    });
  }

  run("finds the manifests inside an index by their digests", async ({ sink, read }) => {
    const content = index([image({ seed: 1 }), image({ seed: 2 })]);
    await writeContent(sink, content, "v1");
    const source = await read();
    for (const { kind, descriptor } of content.nodes) {
      if (kind !== "manifest") continue;
      const found = await source.resolve(descriptor.digest);
      assert.equal(found.mediaType, descriptor.mediaType);
      assert.equal(found.size, descriptor.size);
    }
  });

  run("reads from any offset", async ({ sink, read }) => {
    const big = blob(2_500_000, 5);
    const content = artifact({ blobs: [big] });
    await writeContent(sink, content, "v1");
    const source = await read();
    for (const offset of [0, 1, 1_234_567, 2_499_999, 2_500_000]) {
      assert.deepEqual(await bytesOf(source, big, offset), big.bytes.subarray(offset), `offset ${offset}`);
    }
    const manifest = content.nodes.at(-1);
    assert.ok(manifest);
    assert.deepEqual(await bytesOf(source, manifest, 10), manifest.bytes.subarray(10));
  });

  run("a stream that is left early can be opened again", async ({ sink, read }) => {
    const big = blob(3_000_000, 6);
    await writeContent(sink, artifact({ blobs: [big] }), "v1");
    const source = await read();
    for (let i = 0; i < 3; i++) {
      for await (const chunk of await source.body(big).open({ offset: 0 })) {
        assert.ok(chunk.byteLength > 0);
        break;
      }
    }
    assert.deepEqual(await bytesOf(source, big), big.bytes);
  });

  run("writing what is there says so and does not read", async ({ sink }) => {
    const content = image();
    await writeContent(sink, content, "v1");
    for (const each of content.nodes) {
      const body: Body = { size: each.bytes.byteLength, open: () => assert.fail("opened") };
      assert.equal(await sink.write(each, body), "present");
    }
  });

  run("lists tags in bytewise order, and a tag moves", async ({ sink, read }) => {
    const first = image({ seed: 1 });
    const second = image({ seed: 2 });
    await writeContent(sink, first, "b", "a.1", "a-1", "B", "10", "9", "_x", "moves");
    await writeContent(sink, second, "moves");
    const source = await read();
    assert.deepEqual(await tagsOf(source), ["10", "9", "B", "_x", "a-1", "a.1", "b", "moves"]);
    assert.equal((await source.resolve("moves")).digest, second.root.digest);
    assert.equal((await source.resolve("b")).digest, first.root.digest);
  });

  run("what is unknown is not found", async ({ sink, read }) => {
    await writeContent(sink, image(), "v1");
    const absent = image({ seed: 77 });
    const source = await read();
    await rejectsWith("ERR_LADING_NOT_FOUND", source.resolve("v2"));
    await rejectsWith("ERR_LADING_NOT_FOUND", source.resolve(absent.root.digest));
    for (const each of absent.nodes) await rejectsWith("ERR_LADING_NOT_FOUND", bytesOf(source, each));
  });

  run("does not name what it does not hold", async ({ sink }) => {
    await writeContent(sink, image(), "v1");
    await rejectsWith("ERR_LADING_NOT_FOUND", sink.tag(image({ seed: 78 }).root, "v2"));
  });

  if (referrers) {
    run("lists referrers, also of other types and of an absent subject", async ({ sink, read }) => {
      const subject = image({ seed: 1 });
      const sbom = artifact({ seed: 2, subject: subject.root, annotations: { "org.example.n": "1" } });
      const signature = artifact({
        seed: 3,
        subject: subject.root,
        artifactType: "application/vnd.example.signature",
      });
      const asImage = image({ seed: 4, subject: subject.root });
      const elsewhere = artifact({ seed: 5, subject: image({ seed: 9 }).root });
      await writeContent(sink, subject, "v1");
      for (const each of [sbom, signature, asImage, elsewhere]) await writeContent(sink, each);
      const source = await read();
      const all = await referrersOf(source, subject.root);
      assert.deepEqual(
        all.map(({ digest }) => digest).sort(),
        [sbom, signature, asImage].map(({ root }) => root.digest).sort(),
      );
      const found = all.find(({ digest }) => digest === sbom.root.digest);
      assert.equal(found?.artifactType, "application/vnd.example.sbom");
      assert.equal(found?.size, sbom.root.size);
      assert.equal(found?.annotations?.["org.example.n"], "1");
      const image4 = all.find(({ digest }) => digest === asImage.root.digest);
      assert.equal(image4?.artifactType, mediaTypes.ociConfig);
      const filtered = await referrersOf(source, subject.root, "application/vnd.example.signature");
      assert.deepEqual(
        filtered.map(({ digest }) => digest),
        [signature.root.digest],
      );
      assert.equal((await referrersOf(source, image({ seed: 9 }).root)).length, 1);
      assert.deepEqual(await referrersOf(source, sbom.root), []);
    });
  }

  const hostile: Readonly<Record<string, { body: (bytes: Buffer) => Body; code: string }>> = {
    "wrong bytes": {
      body: (bytes) =>
        bodyOf(Buffer.from(bytes.map((byte, i) => (i === bytes.length - 1 ? byte ^ 1 : byte)))),
      code: "ERR_LADING_DIGEST_MISMATCH",
    },
    "too few bytes": {
      body: (bytes) => ({ ...bodyOf(bytes.subarray(0, -1)), size: bytes.length }),
      code: "ERR_LADING_SIZE_MISMATCH",
    },
    "too many bytes": {
      body: (bytes) => ({ ...bodyOf(Buffer.concat([bytes, Buffer.from("x")])), size: bytes.length }),
      code: "ERR_LADING_SIZE_MISMATCH",
    },
    "no bytes": {
      body: (bytes) => ({ ...bodyOf(Buffer.alloc(0)), size: bytes.length }),
      code: "ERR_LADING_SIZE_MISMATCH",
    },
  };
  for (const algorithm of algorithms) {
    for (const [what, { body, code }] of Object.entries(hostile)) {
      run(
        `refuses ${what} (${algorithm}); nothing appears and the right bytes still go in`,
        async (subject) => {
          const content = artifact({ blobs: [blob(200_000, 8, algorithm)] });
          const [, good, manifest] = content.nodes;
          assert.ok(good && manifest);
          for (const each of [good, manifest]) {
            await rejectsWith(code, subject.sink.write(each, body(each.bytes)));
            assert.equal(await subject.sink.has(each), false);
          }
          await writeContent(subject.sink, content, "v1");
          const source = await subject.read();
          assert.deepEqual(await bytesOf(source, good), good.bytes);
          assert.deepEqual(await bytesOf(source, manifest), manifest.bytes);
        },
      );
    }
  }

  run("a source that fails in the middle leaves nothing, and its error is told", async ({ sink, read }) => {
    const content = artifact({ blobs: [blob(3_000_000, 9)] });
    const big = content.nodes.find(({ bytes }) => bytes.length === 3_000_000);
    assert.ok(big);
    const failure = new Error("the line is dead");
    const body: Body = {
      size: big.bytes.length,
      open: async ({ offset }) => {
        return (async function* () {
          yield big.bytes.subarray(offset, offset + 1_000_000);
          throw failure;
        })();
      },
    };
    await assert.rejects(
      sink.write(big, body),
      (error: Error) => error === failure || error.cause === failure,
    );
    assert.equal(await sink.has(big), false);
    await writeContent(sink, content, "v1");
    assert.deepEqual(await bytesOf(await read(), big), big.bytes);
  });

  run("an abort ends a write with its reason, and nothing appears", async ({ sink, read }) => {
    const content = artifact({ blobs: [blob(3_000_000, 10)] });
    const big = content.nodes.find(({ bytes }) => bytes.length === 3_000_000);
    assert.ok(big);
    const controller = new AbortController();
    const reason = new Error("enough");
    const body: Body = {
      size: big.bytes.length,
      open: async ({ offset, signal }) => {
        return (async function* () {
          yield big.bytes.subarray(offset, offset + 100_000);
          controller.abort(reason);
          signal?.throwIfAborted();
          yield big.bytes.subarray(offset + 100_000);
        })();
      },
    };
    await assert.rejects(
      sink.write(big, body, { signal: controller.signal }),
      (error: Error) => error === reason,
    );
    assert.equal(await sink.has(big), false);
    await assert.rejects(
      sink.write(big, bodyOf(big.bytes), { signal: controller.signal }),
      (error: Error) => error === reason,
    );
    await writeContent(sink, content, "v1");
    assert.deepEqual(await bytesOf(await read(), big), big.bytes);
  });

  run("reports how much was written", async ({ sink }) => {
    const each = blob(2_000_000, 11);
    let bytes = 0;
    const types = new Set<string>();
    await sink.write(each, bodyOf(each.bytes), {
      on: (event) => {
        types.add(event.type);
        if (event.type === "progress") bytes += event.bytes;
      },
    });
    assert.equal(bytes, each.bytes.length);
    assert.deepEqual([...types].sort(), ["progress", "started"]);
  });

  run("takes many writes at once, the same ones too", async ({ sink, read }) => {
    const blobs = Array.from({ length: 12 }, (_, i) => blob(50_000 + i * 1000, 20 + i));
    const content = artifact({ blobs });
    const results = await Promise.all(
      [...blobs, ...blobs, ...blobs].map((each) => sink.write(each, bodyOf(each.bytes))),
    );
    assert.equal(results.length, 36);
    await writeContent(sink, content);
    await Promise.all(Array.from({ length: 10 }, (_, i) => sink.tag(content.root, `t${i}`)));
    const source = await read();
    assert.deepEqual(
      await tagsOf(source),
      Array.from({ length: 10 }, (_, i) => `t${i}`),
    );
    await Promise.all(blobs.map(async (each) => assert.deepEqual(await bytesOf(source, each), each.bytes)));
  });

  if (live) {
    run("shows a name as soon as it is given", async ({ sink, read }) => {
      const source = await read();
      const content = image();
      await rejectsWith("ERR_LADING_NOT_FOUND", source.resolve("v1"));
      await writeContent(sink, content, "v1");
      assert.equal((await source.resolve("v1")).digest, content.root.digest);
    });
  }
}

/** All bytes of a node, from an offset. */
export async function bytesOf(source: Source, node: Node, offset = 0): Promise<Buffer> {
  return collect(await source.body(node).open({ offset }), 1 << 30, "a node");
}

export async function tagsOf(source: Source): Promise<string[]> {
  const tags: string[] = [];
  for await (const tag of source.tags()) tags.push(tag);
  return tags;
}

export async function referrersOf(
  source: Source,
  subject: Descriptor,
  artifactType?: string,
): Promise<Descriptor[]> {
  const found: Descriptor[] = [];
  const options = artifactType === undefined ? {} : { artifactType };
  for await (const each of source.referrers(subject.digest, options)) found.push(each);
  return found;
}

/** The promise fails with this code. */
export async function rejectsWith(code: string, promise: Promise<unknown>): Promise<void> {
  await assert.rejects(promise, (error) => {
    assert.ok(isLadingError(error), String(error));
    assert.equal(error.code, code, String(error));
    return true;
  });
}
