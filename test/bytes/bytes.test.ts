import assert from "node:assert/strict";
import test from "node:test";
import fc from "fast-check";
import { bodyFromStart, bodyOf } from "../../src/bytes/body.ts";
import { regroup } from "../../src/bytes/chunk.ts";
import { collect, limitBytes } from "../../src/bytes/collect.ts";
import { createHasher, digestOf } from "../../src/bytes/hash.ts";
import { type ByteStream, observe, skip, streamOf, take } from "../../src/bytes/stream.ts";
import { verify, verifyBytes } from "../../src/bytes/verify.ts";
import { DigestMismatchError, isLadingError, SizeMismatchError } from "../../src/errors.ts";

const chunks = fc.array(fc.uint8Array({ maxLength: 40 }), { maxLength: 8 });

async function all(stream: ByteStream): Promise<Buffer> {
  return collect(stream, 1e6, "content");
}

/** A stream that reuses its one buffer, as a file reader does, and tells whether it was closed. */
function reused(parts: readonly Uint8Array[]): { stream: ByteStream; closed: () => boolean } {
  let closed = false;
  async function* run(): AsyncGenerator<Uint8Array> {
    const buffer = Buffer.alloc(64);
    try {
      for (const part of parts) {
        buffer.fill(0xee);
        buffer.set(part);
        yield buffer.subarray(0, part.length);
      }
    } finally {
      closed = true;
    }
  }
  return { stream: run(), closed: () => closed };
}

test("skip and take cut a stream wherever its chunks end", async () => {
  await fc.assert(
    fc.asyncProperty(chunks, fc.nat(200), async (parts, count) => {
      const whole = Buffer.concat(parts);
      assert.deepEqual(await all(skip(reused(parts).stream, count)), whole.subarray(count));
      assert.deepEqual(await all(take(reused(parts).stream, count)), whole.subarray(0, count));
    }),
  );
});

test("take closes what it does not read on", async () => {
  const { stream, closed } = reused([Buffer.from("ab"), Buffer.from("cd")]);
  assert.equal((await all(take(stream, 1))).toString(), "a");
  assert.ok(closed());
});

test("regroup gives chunks of one size that the receiver may keep", async () => {
  await fc.assert(
    fc.asyncProperty(chunks, fc.integer({ min: 1, max: 50 }), async (parts, size) => {
      const kept: Buffer[] = [];
      for await (const chunk of regroup(reused(parts).stream, size)) kept.push(chunk);
      assert.deepEqual(Buffer.concat(kept), Buffer.concat(parts));
      assert.ok(kept.slice(0, -1).every((chunk) => chunk.length === size));
      assert.ok(kept.every((chunk) => chunk.length > 0 && chunk.length <= size));
    }),
  );
});

test("collect and limitBytes stop at the first byte too many", async () => {
  const parts = [Buffer.from("abc"), Buffer.from("def")];
  assert.equal((await collect(reused(parts).stream, 6, "text")).toString(), "abcdef");
  assert.equal((await all(limitBytes(reused(parts).stream, 6, "text"))).toString(), "abcdef");
  for (const read of [
    (stream: ByteStream) => collect(stream, 5, "the text"),
    (stream: ByteStream) => all(limitBytes(stream, 5, "the text")),
  ]) {
    const { stream, closed } = reused([...parts, Buffer.from("never")]);
    await assert.rejects(read(stream), {
      code: "ERR_LADING_LIMIT",
      message: "the text is larger than 5 bytes",
    });
    assert.ok(closed());
  }
});

test("observe tells each chunk's size and changes nothing", async () => {
  const seen: number[] = [];
  const stream = observe(streamOf(Buffer.from("ab"), Buffer.from("c")), (bytes) => seen.push(bytes));
  assert.equal((await all(stream)).toString(), "abc");
  assert.deepEqual(seen, [2, 1]);
});

test("a hash does not depend on the chunks, and a copy goes on alone", () => {
  fc.assert(
    fc.property(chunks, fc.constantFrom("sha256", "sha512"), (parts, algorithm) => {
      const hasher = createHasher(algorithm);
      for (const part of parts) hasher.update(part);
      const copy = hasher.copy();
      copy.update(Buffer.from("more"));
      const whole = Buffer.concat(parts);
      assert.equal(hasher.digest(), digestOf(whole, algorithm));
      assert.equal(copy.digest(), digestOf(Buffer.concat([whole, Buffer.from("more")]), algorithm));
    }),
  );
  assert.equal(digestOf("abc"), digestOf(Buffer.from("abc")));
  assert.match(digestOf("", "sha512"), /^sha512:cf83e1357eefb8bd/);
});

test("right bytes pass, wrong ones never end well", async () => {
  await fc.assert(
    fc.asyncProperty(
      chunks,
      fc.constantFrom("sha256", "sha512"),
      fc.uint8Array({ maxLength: 20 }),
      async (parts, algorithm, other) => {
        const whole = Buffer.concat(parts);
        const expected = { digest: digestOf(whole, algorithm), size: whole.length };
        assert.deepEqual(await all(verify(reused(parts).stream, expected)), whole);
        assert.equal(verifyBytes(whole, expected), whole);
        if (Buffer.compare(other, whole) === 0) return;
        const isCoded = (error: unknown): boolean =>
          isLadingError(error) && /_(?:SIZE|DIGEST)_MISMATCH$/.test(error.code);
        await assert.rejects(all(verify(streamOf(other), expected)), isCoded);
        assert.throws(() => verifyBytes(other, expected), isCoded);
      },
    ),
  );
});

test("what is wrong with the bytes is told, and where they came from", async () => {
  const expected = { digest: digestOf("abc"), size: 3 };
  const read = (text: string) => all(verify(streamOf(Buffer.from(text)), expected, "the store"));
  await assert.rejects(read("abd"), (error) => {
    assert.ok(error instanceof DigestMismatchError);
    assert.deepEqual(
      [error.expected, error.actual, error.place],
      [expected.digest, digestOf("abd"), "the store"],
    );
    return true;
  });
  await assert.rejects(read("ab"), (error) => {
    assert.ok(error instanceof SizeMismatchError);
    assert.deepEqual([error.expected, error.actual, error.retryable], [3, 2, true]);
    return true;
  });
  await assert.rejects(read("abcd"), (error) => {
    assert.ok(error instanceof SizeMismatchError);
    assert.deepEqual([error.expected, error.retryable, error.place], [3, false, "the store"]);
    return true;
  });
});

test("a stream that goes on too long is cut at once, and its end is not waited for", async () => {
  async function* endless(): AsyncGenerator<Uint8Array> {
    for (;;) yield Buffer.alloc(10);
  }
  const seen: number[] = [];
  const checked = verify(endless(), { digest: digestOf("x"), size: 25 });
  await assert.rejects(all(observe(checked, (bytes) => seen.push(bytes))), {
    code: "ERR_LADING_SIZE_MISMATCH",
  });
  assert.deepEqual(seen, [10, 10]);
});

test("bodies open at every offset, up to and at their end", async () => {
  const bytes = Buffer.from("0123456789");
  const bodies = [
    bodyOf(bytes),
    bodyFromStart(10, async () => reused([bytes.subarray(0, 4), bytes.subarray(4)]).stream),
  ];
  for (const body of bodies) {
    for (let offset = 0; offset <= 10; offset++) {
      assert.deepEqual(await all(await body.open({ offset })), bytes.subarray(offset));
    }
  }
  const signal = AbortSignal.abort(new Error("enough"));
  await assert.rejects(bodyOf(bytes).open({ offset: 0, signal }), { message: "enough" });
});
