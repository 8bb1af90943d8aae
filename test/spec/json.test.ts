import assert from "node:assert/strict";
import test from "node:test";
import fc from "fast-check";
import { isLadingError } from "../../src/errors.ts";
import { asStructure, field, has, optionalStringMap, parseJson, sizeField } from "../../src/spec/json.ts";
import { knownKeys } from "../../src/spec/json-structure.ts";
import { limits } from "../../src/spec/limits.ts";

function parse(text: string): unknown {
  return parseJson(Buffer.from(text), "document");
}

test("JSON that JSON.parse reads comes out the same, whatever is in its strings", () => {
  fc.assert(
    fc.property(fc.json({ maxDepth: 4, stringUnit: "binary" }), (text) => {
      // A lone surrogate cannot be written in UTF-8.
      fc.pre(Buffer.from(text).toString() === text);
      assert.deepEqual(parse(text), JSON.parse(text));
    }),
  );
});

test("whatever the bytes, only a coded error comes out", () => {
  const pieces = fc.constantFrom(
    '"',
    "\\",
    "{",
    "}",
    "[",
    "]",
    ",",
    ":",
    "a",
    "1",
    "null",
    " ",
    "\u0000",
    "é",
  );
  fc.assert(
    fc.property(
      fc.oneof(
        fc.uint8Array({ maxLength: 64 }),
        fc.array(pieces, { maxLength: 40 }).map((parts) => Buffer.from(parts.join(""))),
      ),
      (bytes) => {
        try {
          parseJson(bytes, "document");
        } catch (error) {
          assert.ok(isLadingError(error), String(error));
        }
      },
    ),
    { numRuns: 2000 },
  );
});

test("an object with a key twice is refused, however the key is written", () => {
  for (const text of [
    '{"a":1,"a":2}',
    '{"a":1,"b":{},"a":1}',
    '{"a":1,"\\u0061":2}',
    '[{"x":{"k":"\\\\","k":1}}]',
    '{"\\"":1,"\\"":2}',
    '{"__proto__":1,"__proto__":2}',
    '{"":1,"":2}',
    '{ "a" : [ {"b":1} ] , "a" : 2 }',
  ]) {
    assert.throws(() => parse(text), { code: "ERR_LADING_DOCUMENT", message: /twice/ }, text);
  }
  for (const text of [
    '{"a":{"a":{"a":1}},"b":["a","a"]}',
    '[{"a":1},{"a":2}]',
    '{"a":"\\",\\"a\\":","b":1}',
    '{"a":"a","b":"a"}',
  ]) {
    assert.deepEqual(parse(text), JSON.parse(text));
  }
});

test("deep nesting is refused before anything is built from it", () => {
  const deep = (levels: number) => "[".repeat(levels) + "]".repeat(levels);
  assert.ok(parse(deep(limits.jsonDepth)));
  assert.throws(() => parse(deep(limits.jsonDepth + 1)), { code: "ERR_LADING_LIMIT" });
  assert.throws(() => parse("[".repeat(4_000_000)), { code: "ERR_LADING_LIMIT" });
  assert.throws(() => parse('{"a":'.repeat(1_000_000)), { code: "ERR_LADING_LIMIT" });
  // Brackets in strings are no nesting.
  assert.equal(parse(`"${"[".repeat(1000)}"`), "[".repeat(1000));
});

test("a long run of backslashes or quotes takes no time", () => {
  const started = performance.now();
  assert.equal((parse(`"${"\\\\".repeat(1_000_000)}"`) as string).length, 1_000_000);
  assert.equal((parse(`"${'\\"'.repeat(1_000_000)}"`) as string).length, 1_000_000);
  assert.ok(performance.now() - started < 5000);
});

test("bytes that are too many, no UTF-8 or begin with a byte order mark are refused", () => {
  assert.throws(() => parseJson(Buffer.from('"aaaa"'), "document", 5), { code: "ERR_LADING_LIMIT" });
  const notText: [string, number[]][] = [
    ["a lone continuation byte", [0x22, 0x80, 0x22]],
    ["an overlong slash", [0x22, 0xc0, 0xaf, 0x22]],
    ["a surrogate", [0x22, 0xed, 0xa0, 0x80, 0x22]],
    ["a cut character", [0x22, 0xc3]],
    ["UTF-16", [0xff, 0xfe, 0x7b, 0x00, 0x7d, 0x00]],
  ];
  for (const [what, bytes] of notText) {
    assert.throws(
      () => parseJson(Buffer.from(bytes), "document"),
      { code: "ERR_LADING_DOCUMENT", message: "document is not UTF-8" },
      what,
    );
  }
  for (const text of ["", " ", "\ufeff{}", "{}{}", "{'a':1}", '{"a":01}', '{"a":1,}', "NaN", "nul"]) {
    assert.throws(() => parse(text), { code: "ERR_LADING_DOCUMENT", message: "document is not JSON" }, text);
  }
});

test("a key like __proto__ is a key like any other", () => {
  const object = asStructure(parse('{"__proto__":{"size":7},"constructor":null}'), knownKeys("size"), "x");
  assert.equal(field(object, "size"), undefined);
  assert.equal(has(object, "toString"), false);
  assert.equal(has(object, "constructor"), false);
  const map = optionalStringMap({ labels: JSON.parse('{"__proto__":"p","a":"b","n":null}') }, "labels", "x");
  assert.deepEqual(Object.entries(map ?? {}), [
    ["__proto__", "p"],
    ["a", "b"],
    ["n", ""],
  ]);
  assert.equal(Object.getPrototypeOf(map), null);
  assert.equal(({} as { size?: unknown }).size, undefined);
});

test("sizes are whole numbers that can be counted", () => {
  for (const good of ["0", "1", "9007199254740991", "1e3", "-0"]) {
    const size = sizeField(parse(`{"size":${good}}`) as never, "size", "x");
    assert.ok(Object.is(size, Math.abs(Number(good))), good);
  }
  for (const bad of ["-1", "1.5", "9007199254740992", "1e400", '"1"', "null", "[]", "true"]) {
    assert.throws(() => sizeField(parse(`{"size":${bad}}`) as never, "size", "x"), {
      code: "ERR_LADING_DOCUMENT",
      message: /^x\.size should be a whole number of bytes/,
    });
  }
});
