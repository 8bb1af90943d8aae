import assert from "node:assert/strict";
import test from "node:test";
import { entryPath } from "../../../src/image/unpack/entry-path.ts";

test("an entry's name is parts below the target, however it is written", () => {
  assert.deepEqual(entryPath("./a//b/./c/", 10), ["a", "b", "c"]);
  assert.deepEqual(entryPath("/etc/passwd", 10), ["etc", "passwd"]);
  assert.deepEqual(entryPath("./", 10), []);
  assert.deepEqual(entryPath("...", 10), ["..."]);
  assert.deepEqual(entryPath("..a/b..", 10), ["..a", "b.."]);
  assert.deepEqual(entryPath("system-systemd\\x2dcryptsetup.slice", 10, "linux"), [
    "system-systemd\\x2dcryptsetup.slice",
  ]);
});

test("what cannot be a path below the target is refused", () => {
  for (const name of ["..", "a/..", "../a", "a/../b", "a\0b", "é".repeat(128), "x".repeat(256)]) {
    assert.throws(() => entryPath(name, 10), { code: "ERR_LADING_UNSAFE_PATH" }, name);
  }
  assert.throws(() => entryPath("a/b/c", 2), { code: "ERR_LADING_LIMIT" });
  assert.equal(entryPath("x".repeat(255), 10)[0]?.length, 255);
});

test("what Windows reads in another way than it is written is refused there", () => {
  for (const name of ["a\\b", "C:x", "a.", "a ", "nul", "COM1.txt", "lpt9/a", "a*", "a\u0001"]) {
    assert.throws(() => entryPath(name, 10, "win32"), { code: "ERR_LADING_UNSAFE_PATH" }, name);
    assert.ok(entryPath(name, 10, "linux").length > 0);
  }
  assert.deepEqual(entryPath("console/com10/a.b", 10, "win32"), ["console", "com10", "a.b"]);
});
