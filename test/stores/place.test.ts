import assert from "node:assert/strict";
import test from "node:test";
import fc from "fast-check";
import { isLadingError } from "../../src/errors.ts";
import { formatPlace, type Place, parsePlace } from "../../src/stores/place.ts";

const digest = `sha256:${"a".repeat(64)}`;

const good: Readonly<Record<string, Place>> = {
  "oci:dir": { kind: "layout", path: "dir", reference: "" },
  "oci:/a/b:v1": { kind: "layout", path: "/a/b", reference: "v1" },
  "oci:dir:docker.io/library/x:1": { kind: "layout", path: "dir", reference: "docker.io/library/x:1" },
  [`oci:dir@${digest}`]: { kind: "layout", path: "dir", reference: digest },
  [`oci:a@b@${digest}`]: { kind: "layout", path: "a@b", reference: digest },
  "oci:a@b:v1": { kind: "layout", path: "a@b", reference: "v1" },
  'oci:"a:b":v1': { kind: "layout", path: "a:b", reference: "v1" },
  'oci:"a:b"': { kind: "layout", path: "a:b", reference: "" },
  "oci:l:v1": { kind: "layout", path: "l", reference: "v1" },
  "oci-archive:x.tar:v1": { kind: "oci-archive", path: "x.tar", reference: "v1" },
  "docker-archive:x.tar": { kind: "docker-archive", path: "x.tar", reference: "" },
  "docker-archive:x.tar:img:1": { kind: "docker-archive", path: "x.tar", reference: "img:1" },
  "docker://alpine": { kind: "registry", reference: { registry: "docker.io", repository: "library/alpine" } },
  "localhost:5000/a/b:c": {
    kind: "registry",
    reference: { registry: "localhost:5000", repository: "a/b", tag: "c" },
  },
};

for (const [text, place] of Object.entries(good)) {
  test(`reads the place ${text}`, () => {
    assert.deepEqual(parsePlace(text), place);
    assert.deepEqual(parsePlace(formatPlace(place)), place);
  });
}

const onWindows: Readonly<Record<string, Place>> = {
  "oci:C:\\images:v1": { kind: "layout", path: "C:\\images", reference: "v1" },
  "oci:c:/images": { kind: "layout", path: "c:/images", reference: "" },
};

for (const [text, place] of Object.entries(onWindows)) {
  test(`reads the place ${text} on Windows, and elsewhere as a folder of one letter`, () => {
    assert.deepEqual(parsePlace(text, "win32"), place);
    assert.equal(formatPlace(place, "win32"), text);
    assert.equal((parsePlace(text, "linux") as { path: string }).path, text[4]);
  });
}

test("a path of one letter is quoted only where it could be a drive", () => {
  const place = { kind: "layout", path: "A", reference: "/x" } as const;
  assert.equal(formatPlace(place, "win32"), 'oci:"A":/x');
  assert.equal(formatPlace(place, "linux"), "oci:A:/x");
});

for (const text of [
  "oci:",
  "oci::v1",
  "oci:dir:",
  'oci:"dir',
  'oci:"dir"x',
  `oci:"dir"@sha256:1`,
  "dir:/x",
  "docker-daemon:x:1",
  "",
  "UPPER/case",
]) {
  test(`refuses the place ${JSON.stringify(text)}`, () => {
    assert.throws(
      () => parsePlace(text),
      (error) => isLadingError(error) && error.code === "ERR_LADING_REFERENCE",
    );
  });
}

test("places of files survive writing and reading", () => {
  const path = fc.string({ minLength: 1 }).filter((text) => !/["\0]/.test(text));
  const reference = fc.oneof(fc.constant(""), fc.constant(digest), fc.string({ minLength: 1 }));
  const kinds = fc.constantFrom("layout", "oci-archive", "docker-archive");
  const platforms = fc.constantFrom("linux", "win32");
  fc.assert(
    fc.property(kinds, path, reference, platforms, (kind, p, r, platform) => {
      const place = { kind, path: p, reference: r } as Place;
      assert.deepEqual(parsePlace(formatPlace(place, platform), platform), place);
    }),
    { numRuns: 2000 },
  );
});
