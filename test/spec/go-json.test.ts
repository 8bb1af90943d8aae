import assert from "node:assert/strict";
import test from "node:test";
import { goJson } from "../../src/spec/go-json.ts";

test("structs keep the order of their fields, maps are sorted by bytes", () => {
  const map = new Map<string, string>([
    ["b", "1"],
    ["10", "2"],
    ["9", "3"],
    ["\u{1f600}", "4"],
    ["\uffee", "5"],
  ]);
  assert.equal(
    goJson({ Z: [1, true, null], A: map, M: {} }),
    '{"Z":[1,true,null],"A":{"10":"2","9":"3","b":"1","\uffee":"5","\u{1f600}":"4"},"M":{}}',
  );
  assert.equal(goJson(new Map()), "{}");
});

test("strings are escaped as Go escapes them", () => {
  assert.equal(goJson("<a> & 'b'"), "\"\\u003ca\\u003e \\u0026 'b'\"");
  assert.equal(goJson("\u2028\u2029"), '"\\u2028\\u2029"');
  assert.equal(goJson('"\\/\b\f\n\r\t\u0001\u007f'), '"\\"\\\\/\\b\\f\\n\\r\\t\\u0001\u007f"');
  assert.equal(goJson("\ud800"), '"\ufffd"');
});
