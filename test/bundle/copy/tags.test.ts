import assert from "node:assert/strict";
import test from "node:test";
import { repositoryBasedTag } from "../../../src/bundle/copy/tags.ts";
import type { Digest } from "../../../src/spec/digest.ts";
import { isTag } from "../../../src/spec/reference.ts";

const digest = `sha256:${"a1".repeat(32)}` as Digest;
const end = `sha256-${"a1".repeat(32)}.imgpkg`;

const origins: readonly (readonly [reference: string, origin: string])[] = [
  ["127.0.0.1:5601/some/application/app", "some-application-app-"],
  [`127.0.0.1:5601/some/application/app@${digest}`, "some-application-app-"],
  ["index.docker.io/library/nginx", "library-nginx-"],
  // The last 49 characters, and then what may begin a tag.
  [`host:1/${"x".repeat(20)}/${"y".repeat(48)}`, `${"y".repeat(48)}-`],
  [`host:1/${"a".repeat(60)}`, `${"a".repeat(49)}-`],
  ["host:1/.hidden/-x", "hidden--x-"],
  // Nothing is left that could stand in a tag.
  ["host:1", ""],
];

test("tags tell the repository that an image comes from", () => {
  for (const [reference, origin] of origins) {
    const tag = repositoryBasedTag(reference, digest);
    assert.equal(tag, `${origin}${end}`);
    assert.ok(isTag(tag), tag);
  }
});
