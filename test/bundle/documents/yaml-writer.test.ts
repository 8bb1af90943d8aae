import assert from "node:assert/strict";
import test from "node:test";
import fc from "fast-check";
import { parse } from "yaml";
import { compareKeys } from "../../../src/bundle/documents/yaml-key-order.ts";
import { parseYaml } from "../../../src/bundle/documents/yaml-reader.ts";
import { writeYaml } from "../../../src/bundle/documents/yaml-writer.ts";

function written(value: string): string {
  const text = writeYaml({ key: value });
  assert.ok(text.startsWith("---\nkey: "));
  return text.slice("---\nkey: ".length);
}

test("texts that could be something else are quoted as go-yaml quotes them", () => {
  const cases = {
    "": '""\n',
    true: '"true"\n',
    y: '"y"\n',
    "1": '"1"\n',
    "1.50": '"1.50"\n',
    "0x10": '"0x10"\n',
    "1e3": '"1e3"\n',
    null: '"null"\n',
    "~": '"~"\n',
    "2020-01-01": '"2020-01-01"\n',
    "2020-13-01": "2020-13-01\n",
    "12:30": '"12:30"\n',
    "<<": '"<<"\n',
    "1.2.3": "1.2.3\n",
    "v1.0": "v1.0\n",
    "# hash": "'# hash'\n",
    "a # b": "'a # b'\n",
    "a#b": "a#b\n",
    "key: value": "'key: value'\n",
    "a:b": "a:b\n",
    "- dash": "'- dash'\n",
    "-dash": "-dash\n",
    "it's": "it's\n",
    "'it'": "'''it'''\n",
    '"it"': "'\"it\"'\n",
    " a": "' a'\n",
    "a ": "'a '\n",
    "--- a": "'--- a'\n",
    "a\tb": '"a\\tb"\n',
    "a\\b": "a\\b\n",
    "😀": '"\\U0001F600"\n',
    "é 日本": "é 日本\n",
    "\u0001": '"\\x01"\n',
    "a\u2028b": '"a\\Lb"\n',
    "git@github.com:a/b": "git@github.com:a/b\n",
    "@a": "'@a'\n",
  };
  for (const [text, expected] of Object.entries(cases)) assert.equal(written(text), expected, text);
});

test("texts of several lines are literal blocks where that can hold them", () => {
  assert.equal(written("a\nb"), "|-\n  a\n  b\n");
  assert.equal(written("a\nb\n"), "|\n  a\n  b\n");
  assert.equal(written("a\n\nb\n\n"), "|+\n  a\n\n  b\n\n");
  assert.equal(written(" a\nb"), "|2-\n   a\n  b\n");
  assert.equal(written("\na"), "|2-\n\n  a\n");
  assert.equal(written("\n"), "|2+\n\n");
  assert.equal(written("a \nb"), '"a \\nb"\n');
  assert.equal(written("a\nb "), '"a\\nb "\n');
  assert.equal(written("a\n\tb"), '"a\\n\\tb"\n');
});

test("long texts are folded at the first blank after 80 characters", () => {
  // "key: " and 76 characters are 81: the next blank is where the line ends.
  assert.equal(written(`${"a".repeat(76)} b c`), `${"a".repeat(76)}\n  b c\n`);
  assert.equal(written(`${"a".repeat(75)} b c`), `${"a".repeat(75)} b\n  c\n`);
  assert.equal(written(`${"a".repeat(76)}  b c`), `${"a".repeat(76)}  b\n  c\n`);
  assert.equal(written(`: ${"a".repeat(76)} b c`), `': ${"a".repeat(76)}\n  b c'\n`);
  assert.equal(written(`\t${"a".repeat(76)} b c`), `"\\t${"a".repeat(76)}\n  b c"\n`);
  assert.equal(written(`\t${"a".repeat(76)}  b c`), `"\\t${"a".repeat(76)}\n  \\ b c"\n`);
});

test("keys that are too long for one line are written apart from their values", () => {
  assert.equal(writeYaml({ ["k".repeat(128)]: "v" }), `---\n${"k".repeat(128)}: v\n`);
  assert.equal(writeYaml({ ["k".repeat(129)]: "v" }), `---\n? ${"k".repeat(129)}\n: v\n`);
  assert.equal(writeYaml({ "a\nb": "v" }), "---\n? |-\n  a\n  b\n: v\n");
});

test("keys are sorted as go-yaml sorts them", () => {
  const sorted = ["", "-", "1", "2", "02", "10", "a", "a-1", "a.b", "a1", "a2", "a10", "ab", "b", "é", "日"];
  assert.deepEqual([...sorted].reverse().sort(compareKeys), sorted);
  assert.deepEqual(["Z", "a", "B"].sort(compareKeys), ["B", "Z", "a"]);
  // Within a number a zero is a digit, before it it is none.
  assert.ok(compareKeys("v100", "v12") > 0);
  assert.ok(compareKeys("v1.05", "v1.4") > 0);
});

const pieces = fc.constantFrom(
  ...[
    "a",
    "word",
    " ",
    "  ",
    "\n",
    "\n\n",
    ":",
    ": ",
    "#",
    " #",
    "- ",
    "?",
    "'",
    '"',
    "\\",
    "[",
    "{",
    ",",
    "&",
    "*",
  ],
  ...[
    "!",
    "|",
    ">",
    "%",
    "@",
    "`",
    "---",
    "...",
    "0",
    "10",
    "0x1",
    "1e3",
    "_",
    "+",
    "yes",
    "null",
    "~",
    "<<",
    "\t",
  ],
  ...[
    "é",
    "日本",
    "😀",
    "\u0085",
    "\u00a0",
    "\u2028",
    "\ufeff",
    "\u0007",
    "\r",
    "2020-01-01",
    "12:30",
    "x".repeat(60),
  ],
);
const text = fc.oneof(
  fc.array(pieces, { maxLength: 10 }).map((parts) => parts.join("")),
  fc.array(pieces, { maxLength: 60 }).map((parts) => parts.join("")),
  fc.array(fc.constantFrom("word", "longish", "a", ":x"), { maxLength: 50 }).map((words) => words.join(" ")),
  fc.string({ unit: "grapheme" }),
);

test("whatever is written is read as the same, by this reader and by another", () => {
  fc.assert(
    fc.property(text, text, (key, value) => {
      const yaml = writeYaml({ outer: { [key]: value }, list: [{ [key]: value }], value });
      const { fields } = parseYaml(Buffer.from(yaml), {
        maxBytes: 1e6,
        what: "test",
        duplicates: "refused",
      }) as {
        fields: ReadonlyMap<string, unknown>;
      };
      const expected = { kind: "string", text: value };
      const object = { kind: "object", fields: new Map([[key, expected]]) };
      assert.deepEqual(fields.get("value"), expected);
      assert.deepEqual(fields.get("outer"), object);
      assert.deepEqual(fields.get("list"), { kind: "array", items: [object] });
      // The other reader has its own opinion about which texts are numbers (a dot is one), so it is asked for texts only.
      assert.deepEqual(parse(yaml, { version: "1.1", schema: "failsafe" }), {
        list: [{ [key]: value }],
        outer: { [key]: value },
        value,
      });
    }),
    { numRuns: 2000 },
  );
});
