import assert from "node:assert/strict";
import test from "node:test";
import { digestOf } from "../../src/bytes/hash.ts";
import { parseDigest } from "../../src/spec/digest.ts";

test("a digest is parsed or refused, never repaired", () => {
  const digest = digestOf("");
  assert.equal(
    parseDigest(digest),
    "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
  );
  for (const bad of [
    "",
    "sha256:",
    `sha256:${"A".repeat(64)}`,
    `sha256:${"a".repeat(63)}`,
    `sha256:${"a".repeat(64)}\n`,
    "sha256:../../../etc/passwd",
    `md5:${"a".repeat(32)}`,
    42,
    null,
  ]) {
    assert.throws(() => parseDigest(bad), { code: "ERR_LADING_REFERENCE" });
  }
});
