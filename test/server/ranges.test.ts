import assert from "node:assert/strict";
import test from "node:test";
import { formatLogJson, formatLogText, redactQuery } from "../../src/server/log.ts";
import { heldRange, parseContentRange, parseRange } from "../../src/server/ranges.ts";
import { parseRoute } from "../../src/server/router.ts";

test("Range", () => {
  assert.equal(parseRange(undefined, 10), undefined);
  assert.deepEqual(parseRange("bytes=2-4", 10), { start: 2, end: 4 });
  assert.deepEqual(parseRange("bytes=2-", 10), { start: 2, end: 9 });
  assert.deepEqual(parseRange("bytes=-3", 10), { start: 7, end: 9 });
  assert.deepEqual(parseRange("bytes=-30", 10), { start: 0, end: 9 });
  assert.deepEqual(parseRange("bytes=8-100", 10), { start: 8, end: 9 });
  for (const text of ["bytes=10-", "bytes=5-4", "bytes=-0"])
    assert.equal(parseRange(text, 10), "unsatisfiable");
  assert.equal(parseRange("bytes=0-0", 0), "unsatisfiable");
  for (const text of ["bytes=-", "bytes=1-2,4-5", "lines=1-2", "bytes=a-b", "bytes=1-2\n"])
    assert.equal(parseRange(text, 10), undefined, text);
});

test("Content-Range of uploads", () => {
  assert.deepEqual(parseContentRange("0-9"), { start: 0, end: 9 });
  assert.deepEqual(parseContentRange("bytes 5-9/10"), { start: 5, end: 9 });
  for (const text of ["", "5", "9-5", "-5", "5-", "a-b", "1-2-3"])
    assert.equal(parseContentRange(text), undefined, text);
  assert.equal(heldRange(0), "0-0");
  assert.equal(heldRange(10), "0-9");
});

test("routes are read from the end of the path", () => {
  const digest = `sha256:${"0".repeat(64)}`;
  assert.deepEqual(parseRoute("/v2/a/manifests/b/manifests/v1"), {
    kind: "manifest",
    repository: "a/manifests/b",
    reference: "v1",
  });
  assert.deepEqual(parseRoute("/v2/foo/blobs/blobs/uploads/"), { kind: "uploads", repository: "foo/blobs" });
  assert.deepEqual(parseRoute("/v2/a/blobs/uploads/tags/list"), {
    kind: "tags",
    repository: "a/blobs/uploads",
  });
  assert.deepEqual(parseRoute(`/v2/a%2Fb/blobs/${digest.replace(":", "%3A")}`), {
    kind: "blob",
    repository: "a/b",
    digest,
  });
  for (const path of ["/", "/v3/", "/v2/a", "/v2/a/b/c", "/v2x", "/v2/_catalog/x"])
    assert.equal(parseRoute(path), undefined, path);
  for (const path of [
    "/v2/../tags/list",
    "/v2//tags/list",
    "/v2/A/tags/list",
    "/v2/a%00/tags/list",
    "/v2/a%2F..%2Fb/manifests/x",
    "/v2/_layout/tags/list",
    "/v2/a/_layout/blobs/x",
    "/v2/%ff/tags/list",
    "/v2/a%0A/tags/list",
  ])
    assert.throws(() => parseRoute(path), { code: "NAME_INVALID" }, path);
});

test("log lines hold neither secrets nor line breaks", () => {
  const query = new URLSearchParams("digest=sha256:1&token=secret&_state=x&last=a%0Ab");
  assert.equal(redactQuery(query), "digest=sha256:1&token=REDACTED&_state=REDACTED&last=a\nb");
  const entry = {
    time: "2026-01-01T00:00:00.000Z",
    level: "info",
    event: "request",
    message: "GET /v2/\u001b[31m\n",
    fields: { status: 200, agent: "a\nb" },
  } as const;
  assert.ok(!/\p{Cc}/u.test(formatLogText(entry)));
  assert.equal(JSON.parse(formatLogJson(entry)).agent, "a\nb");
});
