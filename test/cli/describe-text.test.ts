import assert from "node:assert/strict";
import test from "node:test";
import type { BundleDescription } from "../../src/bundle/describe/model.ts";
import { describeYaml } from "../../src/bundle/describe/yaml.ts";
import { describeText } from "../../src/cli/describe-text.ts";
import { parseDigest } from "../../src/spec/digest.ts";

const digest = (character: string) => parseDigest(`sha256:${character.repeat(64)}`);
const [a, b, c, d, e, f] = [..."abcdef"].map(digest) as [
  ReturnType<typeof digest>,
  ReturnType<typeof digest>,
  ReturnType<typeof digest>,
  ReturnType<typeof digest>,
  ReturnType<typeof digest>,
  ReturnType<typeof digest>,
];

const app = (annotations: Readonly<Record<string, string>>) => ({
  annotations,
  image: `host/x@${c}`,
  imageType: "Image" as const,
  layers: [{ digest: d }, { digest: e }],
  origin: `host/app@${c}`,
});

const nested = {
  image: `host/x@${b}`,
  origin: `host/nested@${b}`,
  content: {
    bundles: {
      [f]: {
        image: `host/x@${f}`,
        origin: `host/deep@${f}`,
        content: { images: { [c]: app({ "some.key": "value", another: "1" }) } },
        metadata: {},
      },
    },
  },
  layers: [{ digest: e }],
  metadata: { metadata: { name: "nested" }, authors: [{ name: "Jo", email: "jo@example.com" }] },
};

function description(content: BundleDescription["content"], rest: Partial<BundleDescription> = {}) {
  return { sha: a, image: `host/x@${a}`, origin: `host/x@${a}`, metadata: {}, content, ...rest };
}

test("the text has imgpkg's indentation on three levels, and empty lines between sibling bundles", () => {
  const lines = describeText(
    description({
      bundles: { [b]: nested, [d]: { ...nested, content: {}, metadata: {}, image: `host/x@${d}` } },
      images: {
        [c]: { ...app({}), annotations: {} },
        [e]: {
          annotations: { tag: "sha256-c.sig" },
          image: `host/x@${e}`,
          imageType: "Signature",
          origin: `host/x@${e}`,
        },
        "host/x:sha256-a.sig": { error: "access denied", imageType: "Signature" },
      },
    }),
  );
  assert.deepEqual(lines, [
    `Bundle SHA: ${a}`,
    "",
    "Images:",
    `  - Image: host/x@${b}`,
    "    Type: Bundle",
    `    Origin: host/nested@${b}`,
    "    Layers:",
    `      - Digest: ${e}`,
    "    Metadata:",
    "      name: nested",
    "    Authors:",
    "      - Jo <jo@example.com>",
    "    Images:",
    `    - Image: host/x@${f}`,
    "      Type: Bundle",
    `      Origin: host/deep@${f}`,
    "      Images:",
    `      - Image: host/x@${c}`,
    "        Type: Image",
    `        Origin: host/app@${c}`,
    "        Layers:",
    `          - Digest: ${d}`,
    `          - Digest: ${e}`,
    "        Annotations:",
    "          another: 1",
    "          some.key: value",
    "",
    `  - Image: host/x@${d}`,
    "    Type: Bundle",
    `    Origin: host/nested@${b}`,
    "    Layers:",
    `      - Digest: ${e}`,
    `  - Image: host/x@${c}`,
    "    Type: Image",
    `    Origin: host/app@${c}`,
    "    Layers:",
    `      - Digest: ${d}`,
    `      - Digest: ${e}`,
    `  - Image: host/x@${e}`,
    "    Type: Signature",
    "    Annotations:",
    "      tag: sha256-c.sig",
    "  - Image: host/x:sha256-a.sig",
    "    Type: Signature",
    "    Error: access denied",
  ]);
});

test("a bundle without images has its digest and an empty line, and what it says of itself", () => {
  assert.deepEqual(describeText(description({})), [`Bundle SHA: ${a}`, ""]);
  const metadata = { metadata: { name: "x" }, websites: [{ url: "https://example.com" }] };
  assert.deepEqual(describeText(description({}, { metadata })), [
    `Bundle SHA: ${a}`,
    "Metadata:",
    "  name: x",
    "Websites:",
    "  - https://example.com",
    "",
  ]);
});

test("annotations of several lines stay in their place, and control characters are shown", () => {
  const annotations = { text: "one\n  - Image: two\n", "esc\u001b[2J": "\u001b[31mred" };
  const lines = describeText(description({ images: { [c]: { ...app(annotations), layers: [] } } }));
  assert.deepEqual(lines.slice(-5), [
    "    Annotations:",
    "      esc\\x1b[2J: \\x1b[31mred",
    "      text: |",
    "        one",
    "          - Image: two",
  ]);
});

test("the YAML begins with the digest; the keys below are sorted, an empty metadata is written", () => {
  const yaml = describeYaml(
    description({
      bundles: { [b]: { ...nested, content: {} } },
      images: {
        [c]: app({ on: "true" }),
        "host/x:sha256-a.sig": { error: "access denied", imageType: "Signature" },
      },
    }),
  );
  assert.equal(
    yaml,
    `sha: ${a}
content:
  bundles:
    ${b}:
      content: {}
      image: host/x@${b}
      layers:
      - digest: ${e}
      metadata:
        authors:
        - email: jo@example.com
          name: Jo
        metadata:
          name: nested
      origin: host/nested@${b}
  images:
    host/x:sha256-a.sig:
      error: access denied
      imageType: Signature
    ${c}:
      annotations:
        "on": "true"
      image: host/x@${c}
      imageType: Image
      layers:
      - digest: ${d}
      - digest: ${e}
      origin: host/app@${c}
image: host/x@${a}
metadata: {}
origin: host/x@${a}
`,
  );
});
