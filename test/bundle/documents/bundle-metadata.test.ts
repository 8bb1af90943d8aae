import assert from "node:assert/strict";
import test from "node:test";
import { parseBundleMetadata } from "../../../src/bundle/documents/bundle-metadata.ts";

const none = { metadata: {}, authors: [], websites: [] };

function parse(text: string) {
  return parseBundleMetadata(Buffer.from(text), "bundle.yml");
}

test("what a bundle says about itself is read", () => {
  const text = `apiVersion: imgpkg.carvel.dev/v1alpha1
kind: Bundle
metadata:
  name: basic
  version: 1.10
authors:
- name: Carvel Team
  email: carvel@vmware.com
- name: Somebody
websites:
- url: carvel.dev/imgpkg
`;
  assert.deepEqual(parse(text), {
    metadata: { name: "basic", version: "1.1" },
    authors: [{ name: "Carvel Team", email: "carvel@vmware.com" }, { name: "Somebody" }],
    websites: [{ url: "carvel.dev/imgpkg" }],
  });
});

test("what is not as expected is left out, and nothing is an error", () => {
  for (const text of [
    "",
    "text",
    "[1, 2]",
    "a: [",
    "\u0000",
    "metadata: x\nauthors: {a: b}\nwebsites: 3\n",
  ]) {
    assert.deepEqual(parse(text), none, text);
  }
  assert.deepEqual(parse(`# ${"x".repeat(2 * 1024 * 1024)}`), none);
  assert.deepEqual(
    parse("metadata: {name: a, labels: {b: c}, list: [d], none: null}\nauthors: [a, {mail: b}]\n"),
    {
      ...none,
      metadata: { name: "a" },
    },
  );
});
