import assert from "node:assert/strict";
import test from "node:test";
import fc from "fast-check";
import { digestOf } from "../../src/bytes/hash.ts";
import { isLadingError } from "../../src/errors.ts";
import {
  formatReference,
  isRegistryHost,
  isRepositoryPath,
  isTag,
  parseReference,
  repositoryName,
  targetOf,
  withDigest,
  withTag,
} from "../../src/spec/reference.ts";

const sha256 = digestOf("x");
const sha512 = digestOf("x", "sha512");

test("references are normalised as Docker does", () => {
  const table: [text: string, normal: string][] = [
    ["ubuntu", "docker.io/library/ubuntu"],
    ["ubuntu:22.04", "docker.io/library/ubuntu:22.04"],
    ["docker.io/ubuntu", "docker.io/library/ubuntu"],
    ["index.docker.io/ubuntu", "docker.io/library/ubuntu"],
    ["registry-1.docker.io/ubuntu", "docker.io/library/ubuntu"],
    ["INDEX.docker.IO/library/ubuntu", "docker.io/library/ubuntu"],
    ["docker.io/library/ubuntu", "docker.io/library/ubuntu"],
    ["team/app", "docker.io/team/app"],
    ["team/sub/app", "docker.io/team/sub/app"],
    ["localhost/app", "localhost/app"],
    ["LOCALHOST/app", "localhost/app"],
    ["localhost:5000/app", "localhost:5000/app"],
    ["localhost:5000", "docker.io/library/localhost:5000"],
    ["gcr.io/app", "gcr.io/app"],
    ["GCR.io/app:V1", "gcr.io/app:V1"],
    ["a.b:443/c/d:e", "a.b:443/c/d:e"],
    ["host:1/c", "host:1/c"],
    ["127.0.0.1:5000/a/b", "127.0.0.1:5000/a/b"],
    ["[::1]:5000/app:v1", "[::1]:5000/app:v1"],
    ["[::1]/app", "[::1]/app"],
    ["[2001:DB8::1]:443/app", "[2001:db8::1]:443/app"],
    ["[::ffff:10.0.0.1]/app", "[::ffff:10.0.0.1]/app"],
    [`app@${sha256}`, `docker.io/library/app@${sha256}`],
    [`gcr.io/app:v1@${sha512}`, `gcr.io/app:v1@${sha512}`],
    ["gcr.io/a_b/c__d/e--f/g---h.i", "gcr.io/a_b/c__d/e--f/g---h.i"],
    [`gcr.io/a:${"t".repeat(128)}`, `gcr.io/a:${"t".repeat(128)}`],
    [`gcr.io/${"a".repeat(255)}`, `gcr.io/${"a".repeat(255)}`],
    ["xn--mnchen-3ya.example/app", "xn--mnchen-3ya.example/app"],
  ];
  for (const [text, normal] of table) {
    assert.equal(formatReference(parseReference(text)), normal, text);
    assert.deepEqual(parseReference(normal), parseReference(text), normal);
  }
});

test("what is no reference is refused with a reason", () => {
  const table: [text: string, why: RegExp][] = [
    ["", /empty/],
    ["https://gcr.io/app", /protocol prefix/],
    ["docker://gcr.io/app", /protocol prefix/],
    [sha256, /only a digest/],
    ["a".repeat(64), /only a digest/],
    ["gcr.io/../../etc/passwd:x", /repository name/],
    ["gcr.io/a/../b", /repository name/],
    ["../a", /not a host/],
    ["./a", /not a host/],
    ["/a", /repository name/],
    ["a//b", /repository name/],
    ["a/./b", /repository name/],
    ["a/", /repository name/],
    ["gcr.io/", /repository name/],
    ["gcr.io//a", /repository name/],
    ["gcr.io/A", /repository name/],
    ["Team/app", /repository name/],
    ["App", /repository name/],
    ["gcr.io/a..b", /repository name/],
    ["gcr.io/a___b", /repository name/],
    ["gcr.io/-a", /repository name/],
    ["gcr.io/a-", /repository name/],
    ["gcr.io/a%2fb", /repository name/],
    ["gcr.io/a?b", /repository name/],
    ["gcr.io/a#b", /repository name/],
    ["gcr.io/a b", /repository name/],
    ["gcr.io/a\\b", /repository name/],
    ["gcr.io/a\n", /repository name/],
    ["gcr.io/a\0", /repository name/],
    ["gcr.io/ä", /repository name/],
    [`gcr.io/${"a".repeat(256)}`, /longer than 255/],
    ["a:", /not a tag/],
    ["gcr.io/a:.b", /not a tag/],
    ["gcr.io/a:b:c", /repository name/],
    [`gcr.io/a:${"t".repeat(129)}`, /not a tag/],
    ["gcr.io/a:b\n", /not a tag/],
    ["gcr.io/a@b", /not a digest/],
    ["gcr.io/a@", /not a digest/],
    [`gcr.io/a@${sha256}x`, /not a digest/],
    [`gcr.io/a@${sha256}@${sha256}`, /not a digest/],
    ["gcr.io/a@sha256:", /not a digest/],
    [`@${sha256}`, /repository name/],
    [".gcr.io/a", /not a host/],
    ["gcr.io./a", /not a host/],
    ["gcr..io/a", /not a host/],
    ["-gcr.io/a", /not a host/],
    ["g_r.io/a", /not a host/],
    ["gcr.io:/a", /not a host/],
    ["gcr.io:0/a", /not a host/],
    ["gcr.io:080/a", /not a host/],
    ["gcr.io:65536/a", /not a host/],
    ["gcr.io:99999999999/a", /not a host/],
    ["gcr.io:5000x/a", /not a host/],
    ["[::1/a", /not a host/],
    ["[]/a", /not a host|repository name/],
    ["[:::1]/a", /not a host/],
    ["[1.2.3.4]/a", /not a host/],
    ["[fe80::1%eth0]/a", /not a host/],
    ["[::1]", /repository name/],
    ["::1/a", /not a host/],
    ["x".repeat(2_000_000), /longer than/],
    [`gcr.io/${"a-".repeat(300_000)}`, /longer than/],
  ];
  for (const [text, why] of table) {
    assert.throws(
      () => parseReference(text),
      (error) => {
        assert.ok(isLadingError(error), text);
        assert.equal(error.code, "ERR_LADING_REFERENCE", text);
        assert.match(error.message, why);
        assert.ok(error.message.length < 700, "a message of readable length");
        assert.ok(error.hint !== undefined);
        return true;
      },
    );
  }
});

test("a password that was typed into a reference does not come back in the message", () => {
  for (const text of [
    "user:s3cret@gcr.io/app",
    "https://user:s3cret@gcr.io/app",
    "user:s3cret@gcr.io:5000",
    `user:s3cret@gcr.io/app@${sha256}`,
    "oauth2:s3cret@[::1]:5000/app:v1",
  ]) {
    assert.throws(
      () => parseReference(text),
      (error) => isLadingError(error) && !/s3cret/.test(error.message + error.hint),
      text,
    );
  }
});

const label = fc.stringMatching(/^[a-z0-9]([a-z0-9-]{0,10}[a-z0-9])?$/);
const host = fc.oneof(
  fc.tuple(label, label).map((labels) => labels.join(".")),
  fc.constant("localhost"),
  fc.ipV4(),
  fc.ipV6().map((address) => `[${address.toLowerCase()}]`),
);
const registry = fc.oneof(
  host,
  fc.tuple(host, fc.integer({ min: 1, max: 65535 })).map(([name, port]) => `${name}:${port}`),
);
const path = fc.array(fc.stringMatching(/^[a-z0-9]{1,6}((\.|_|__|-{1,3})[a-z0-9]{1,6}){0,2}$/), {
  minLength: 1,
  maxLength: 5,
});
const tag = fc.stringMatching(/^[A-Za-z0-9_][A-Za-z0-9._-]{0,127}$/);

test("a reference comes back from its text as it was", () => {
  fc.assert(
    fc.property(
      registry,
      path,
      fc.option(tag, { nil: undefined }),
      fc.constantFrom(undefined, sha256, sha512),
      (registry, parts, tag, digest) => {
        const reference = {
          registry,
          repository: parts.join("/"),
          ...(tag === undefined ? {} : { tag }),
          ...(digest === undefined ? {} : { digest }),
        };
        assert.deepEqual(parseReference(formatReference(reference)), reference);
      },
    ),
  );
});

test("whatever the text, it is a safe reference that formats stably, or a coded error", () => {
  const piece = fc.constantFrom(
    ..."aZ0-._:/@[]%\\ \n",
    "..",
    "//",
    "localhost",
    "docker.io",
    ":5000",
    sha256,
    "é",
  );
  const text = fc.oneof(
    fc.string(),
    fc.array(piece, { maxLength: 12 }).map((parts) => parts.join("")),
  );
  fc.assert(
    fc.property(text, (text) => {
      let reference: ReturnType<typeof parseReference>;
      try {
        reference = parseReference(text);
      } catch (error) {
        assert.ok(isLadingError(error), String(error));
        return;
      }
      assert.ok(isRegistryHost(reference.registry));
      assert.ok(isRepositoryPath(reference.repository));
      assert.ok(
        reference.repository.split("/").every((part) => /^[a-z0-9]/.test(part) && !part.includes("..")),
      );
      // What is built into URLs means the same there.
      const url = new URL(`https://${reference.registry}/v2/${reference.repository}/tags/list`);
      assert.equal(url.pathname, `/v2/${reference.repository}/tags/list`);
      assert.deepEqual(parseReference(formatReference(reference)), reference);
    }),
    { numRuns: 5000 },
  );
});

test("parts of a reference", () => {
  const reference = parseReference(`gcr.io/a/b:v1@${sha256}`);
  assert.equal(repositoryName(reference), "gcr.io/a/b");
  assert.equal(targetOf(reference), sha256);
  assert.equal(targetOf(parseReference("gcr.io/a:v1")), "v1");
  assert.equal(targetOf(parseReference("gcr.io/a")), "latest");
  assert.equal(formatReference(withTag(reference, "v2")), "gcr.io/a/b:v2");
  assert.equal(formatReference(withDigest(reference, sha512)), `gcr.io/a/b@${sha512}`);
  assert.throws(() => withTag(reference, "a/b"), { code: "ERR_LADING_REFERENCE" });
  assert.equal(isTag("latest\n"), false);
  assert.equal(isRepositoryPath(`${"a".repeat(255)}b`), false);
});
