import assert from "node:assert/strict";
import test from "node:test";
import fc from "fast-check";
import { formatImagesLock, lockOf, parseImagesLock } from "../../../src/bundle/documents/images-lock.ts";
import { parsePinned } from "../../../src/bundle/documents/names.ts";
import { isLadingError } from "../../../src/errors.ts";

const digest = `sha256:${"4c8b".repeat(16)}`;
const head = "apiVersion: imgpkg.carvel.dev/v1alpha1\nkind: ImagesLock\n";
const unmarshaling = "Unmarshaling images lock: error unmarshaling JSON: while decoding JSON: json: ";

function parse(text: string | Uint8Array) {
  return parseImagesLock(Buffer.from(text), "dir/images.yml");
}

test("a lock is written as imgpkg writes it", () => {
  const lock = lockOf([
    {
      image: `dkalinin/k8s-simple-app@${digest}`,
      annotations: { "kbld.carvel.dev/id": "docker.io/dkalinin/k8s-simple-app" },
    },
    { reference: parsePinned(`127.0.0.1:5601/simple-app@${digest}`) },
  ]);
  assert.equal(
    formatImagesLock(lock),
    `---
apiVersion: imgpkg.carvel.dev/v1alpha1
images:
- annotations:
    kbld.carvel.dev/id: docker.io/dkalinin/k8s-simple-app
  image: index.docker.io/dkalinin/k8s-simple-app@${digest}
- image: 127.0.0.1:5601/simple-app@${digest}
kind: ImagesLock
`,
  );
  assert.deepEqual(parse(formatImagesLock(lock)), lock);
});

test("a lock without images has no images, written or read", () => {
  const empty = "---\napiVersion: imgpkg.carvel.dev/v1alpha1\nkind: ImagesLock\n";
  assert.equal(formatImagesLock({ images: [] }), empty);
  for (const text of [empty, `${head}images:\n`, `${head}images: null\n`, `${head}images: []\n`]) {
    assert.deepEqual(parse(text), { images: [] });
  }
});

test("references are normalised and lose their tags", () => {
  const names = [
    [`nginx@${digest}`, `index.docker.io/library/nginx@${digest}`],
    [`nginx:1.27@${digest}`, `index.docker.io/library/nginx@${digest}`],
    [`docker.io/team/app@${digest}`, `index.docker.io/team/app@${digest}`],
    [`127.0.0.1:5000/some/app:v1@${digest}`, `127.0.0.1:5000/some/app@${digest}`],
  ] as const;
  const { images } = parse(`${head}images:\n${names.map(([written]) => `- image: ${written}\n`).join("")}`);
  assert.deepEqual(
    images.map(({ image }) => image),
    names.map(([, read]) => read),
  );
  assert.equal(images[0]?.reference.registry, "docker.io");
});

test("scalars of annotations become the texts that imgpkg makes of them", () => {
  const measured = {
    true: "true",
    yes: "true",
    "1.50": "1.5",
    "0x10": "16",
    "1e3": "1000",
    null: "",
    "~": "",
    "": "",
    "2020-01-01": "2020-01-01",
    "2020-01-01T10:00:00Z": "2020-01-01T10:00:00Z",
    off: "false",
    "12:30": "12:30",
    "0o17": "15",
    "017": "15",
    "08": "8",
    "1_000": "1000",
    "-0b101": "-5",
    "9223372036854775808": "9223372036854775808",
    "18446744073709551616": "1.8446744073709552e+19",
    "1234567.5": "1.2345675e+06",
    "0.00001": "1e-05",
    "1.0": "1",
    ".5": "0.5",
    "1.2.3": "1.2.3",
    "1e999": "1e999",
    '"true"': "true",
    "'1.50'": "1.50",
    "!!str 1.50": "1.50",
    '!!int "0x10"': "16",
    "word word": "word word",
  };
  for (const [written, read] of Object.entries(measured)) {
    const { images } = parse(`${head}images:\n- image: a/b@${digest}\n  annotations:\n    k: ${written}\n`);
    assert.equal(images[0]?.annotations["k"], read, written);
  }
});

test("keys of annotations become texts, too", () => {
  const { images } = parse(`${head}images:
- image: a/b@${digest}
  annotations: {n: a, 1: b, 1.50: c, "yes": d, __proto__: e, 2020-01-01: f}
`);
  assert.deepEqual(Object.entries(images[0]?.annotations ?? {}), [
    ["1", "b"],
    ["false", "a"],
    ["1.5", "c"],
    ["yes", "d"],
    ["__proto__", "e"],
    ["2020-01-01", "f"],
  ]);
});

test("aliases and merges are understood", () => {
  const { images } = parse(`${head}images:
- image: &image a/b@${digest}
  annotations: &common {team: a, level: 1}
- image: *image
  annotations: {<<: *common, level: 2}
- image: *image
  annotations: {<<: [{level: 3}, *common]}
`);
  assert.deepEqual(
    images.map(({ annotations }) => annotations),
    [
      { team: "a", level: "1" },
      { level: "2", team: "a" },
      { level: "3", team: "a" },
    ],
  );
});

test("byte order marks, line ends of Windows and JSON are read", () => {
  const text = `${head}images:\n- image: a/b@${digest}\n  annotations: {k: "a b"}\n`;
  const lock = parse(text);
  assert.deepEqual(parse(`\ufeff${text}`), lock);
  assert.deepEqual(parse(text.replaceAll("\n", "\r\n")), lock);
  assert.deepEqual(parse(`# first\n---\n${text}...\n---\n`), lock);
  const json = {
    kind: "ImagesLock",
    apiVersion: "imgpkg.carvel.dev/v1alpha1",
    images: [{ image: `a/b@${digest}`, annotations: { k: "a b" } }],
  };
  assert.deepEqual(parse(JSON.stringify(json)), lock);
});

const image = `- image: a/b@${digest}\n`;
const refused: Readonly<Record<string, readonly [text: string, message: string, at?: string]>> = {
  "an unknown version": [
    "apiVersion: v2\nkind: ImagesLock\n",
    "Validating images lock: Validating apiVersion: Unknown version (known: imgpkg.carvel.dev/v1alpha1)",
    "apiVersion",
  ],
  "an unknown kind": [
    "apiVersion: imgpkg.carvel.dev/v1alpha1\nkind: Lock\n",
    "Validating images lock: Validating kind: Unknown kind (known: ImagesLock)",
    "kind",
  ],
  "nothing at all": [
    "",
    "Validating images lock: Validating apiVersion: Unknown version (known: imgpkg.carvel.dev/v1alpha1)",
    "apiVersion",
  ],
  "an image with a tag only": [
    `${head}images:\n${image}- image: foo/bar:tag\n`,
    "Validating images lock: Expected ref to be in digest form, got 'foo/bar:tag'",
    "images[1].image",
  ],
  "an image that is no reference": [
    `${head}images:\n- image: https://foo/bar\n`,
    "Validating images lock: Expected ref to be in digest form, got 'https://foo/bar'",
    "images[0].image",
  ],
  "an image with a password, which is not said": [
    `${head}images:\n- image: https://user:secret@foo/bar\n`,
    "Validating images lock: Expected ref to be in digest form, got 'https://…@foo/bar'",
    "images[0].image",
  ],
  "an image that leads elsewhere": [
    `${head}images:\n- image: ../../etc@${digest}\n`,
    `Validating images lock: Expected ref to be in digest form, got '../../etc@${digest}'`,
    "images[0].image",
  ],
  "an entry without image": [
    `${head}images:\n- annotations: {}\n`,
    "Validating images lock: Expected ref to be in digest form, got ''",
    "images[0].image",
  ],
  "an unknown field": [`${head}x: 1\n`, `${unmarshaling}unknown field "x"`, "x"],
  "an unknown field of an image": [
    `${head}images:\n${image}  digest: x\n`,
    `${unmarshaling}unknown field "digest"`,
    "images[0].digest",
  ],
  "a list as annotation": [
    `${head}images:\n${image}${image}  annotations: {k: [1]}\n`,
    `${unmarshaling}cannot unmarshal array into Go struct field ImageRef.images.annotations of type string`,
    "images[1].annotations.k",
  ],
  "images that are no list": [
    `${head}images: nginx\n`,
    `${unmarshaling}cannot unmarshal string into Go struct field ImagesLock.images of type []lockconfig.ImageRef`,
    "images",
  ],
  "an image that is a map": [
    `${head}images:\n- image: {a: b}\n`,
    `${unmarshaling}cannot unmarshal object into Go struct field ImageRef.images.image of type string`,
    "images[0].image",
  ],
  "a text": [
    "some text",
    `${unmarshaling}cannot unmarshal string into Go value of type lockconfig.ImagesLock`,
  ],
  "the same key twice": [
    `${head}kind: ImagesLock\n`,
    'Unmarshaling images lock: error converting YAML to JSON: yaml: line 3: key "kind" already set in map',
  ],
  "the same key twice in two ways": [
    `${head}images:\n${image}  annotations:\n    yes: a\n    on: b\n`,
    'Unmarshaling images lock: error converting YAML to JSON: yaml: line 7: key "true" already set in map',
  ],
  "several documents": [
    `${head}---\n${head}`,
    "Unmarshaling images lock: error converting YAML to JSON: yaml: there are several documents in one file; one is expected",
  ],
  "a value that contains itself": [
    `${head}images: &a [*a]\n`,
    "Unmarshaling images lock: error converting YAML to JSON: yaml: line 3: unknown anchor 'a' referenced",
  ],
  "control characters": [
    `${head}images: "\u0000"\n`,
    "Unmarshaling images lock: error converting YAML to JSON: yaml: control characters are not allowed",
  ],
  "half a character": [
    `${head}images:\n${image}  annotations: {k: "\\ud800"}\n`,
    "Unmarshaling images lock: error converting YAML to JSON: yaml: line 5: invalid Unicode character escape code",
  ],
  "binary values": [
    `${head}images:\n${image}  annotations: {k: !!binary aGk=}\n`,
    "Unmarshaling images lock: error converting YAML to JSON: yaml: line 5: binary values are not expected here",
  ],
};

for (const [name, [text, message, at]] of Object.entries(refused)) {
  test(`a lock is refused for ${name}`, () => {
    const place = at === undefined ? "dir/images.yml" : `dir/images.yml: ${at}`;
    assert.throws(() => parse(text), { code: "ERR_LADING_DOCUMENT", message, place });
  });
}

test("a lock that is no YAML, or no UTF-8, is refused with the line", () => {
  for (const text of [`${head}images: [`, `${head}images: {a`, `${head}\timages: x`, `${head}images: "`]) {
    assert.throws(
      () => parse(text),
      (error: Error) => /^Unmarshaling images lock: .*yaml: line [34]: /.test(error.message),
    );
  }
  assert.throws(() => parse(Buffer.from([0x61, 0xff])), { message: /yaml: invalid UTF-8$/ });
});

test("locks that are made to exhaust a reader are refused", () => {
  const bomb = Array.from({ length: 30 }, (_, i) => `a${i + 1}: &a${i + 1} [${`*a${i},`.repeat(10)}]\n`).join(
    "",
  );
  const hostile = {
    deep: "[".repeat(200_000),
    dashes: "- ".repeat(200_000),
    bomb: `a0: &a0 x\n${bomb}`,
    scalars: `a: [${"a,".repeat(700_000)}]`,
    comments: "#\n".repeat(700_000),
    bytes: `# ${"x".repeat(9 * 1024 * 1024)}`,
    images: `${head}images: [&a {image: a/b@${digest}},${"*a,".repeat(60_000)}]`,
  };
  for (const [name, text] of Object.entries(hostile)) {
    assert.throws(() => parse(text), { code: "ERR_LADING_LIMIT", place: "dir/images.yml" }, name);
  }
});

test("10,000 images are read and written", () => {
  const lock = lockOf(
    Array.from({ length: 10_000 }, (_, i) => ({
      image: `registry.example/app${i}@sha256:${i.toString(16).padStart(64, "0")}`,
      annotations: { "kbld.carvel.dev/id": `app ${i}` },
    })),
  );
  assert.deepEqual(parse(formatImagesLock(lock)), lock);
});

test("whatever the bytes, the answer is a lock or an error of Lading", () => {
  const whole = `${head}images:\n- image: a/b@${digest}\n  annotations: {a: &x "b", c: *x, <<: {d: 1}}\n- {image: "c@${digest}"}\n`;
  const piece = fc.oneof(
    fc.constantFrom(
      ..."\n \t:-?,[]{}&*!|>'\"%@`#~".split(""),
      "---\n",
      "...\n",
      "<<: ",
      "!!int ",
      "- ",
      ": ",
      "? ",
      "\ufeff",
    ),
    fc.string({ maxLength: 5 }),
  );
  const change = fc.tuple(fc.nat(whole.length), fc.nat(8), fc.array(piece, { maxLength: 3 }));
  fc.assert(
    fc.property(fc.array(change, { minLength: 1, maxLength: 4 }), (changes) => {
      let text = whole;
      for (const [at, count, pieces] of changes)
        text = text.slice(0, at) + pieces.join("") + text.slice(at + count);
      try {
        const lock = parse(text);
        assert.deepEqual(parse(formatImagesLock(lock)), lock);
      } catch (error) {
        if (!isLadingError(error)) throw error;
        assert.match(String(error.place), /^dir\/images\.yml/);
      }
    }),
    { numRuns: 1000 },
  );
});
