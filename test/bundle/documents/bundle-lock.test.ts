import assert from "node:assert/strict";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import test from "node:test";
import { formatBundleLock, parseBundleLock } from "../../../src/bundle/documents/bundle-lock.ts";
import { parseLockFile, readLockBytes } from "../../../src/bundle/documents/lock-file.ts";
import { parsePinned } from "../../../src/bundle/documents/names.ts";
import { tempDir } from "../../support/tmp.ts";

const digest = `sha256:${"5c2d".repeat(16)}`;
const image = `127.0.0.1:5601/tr-bundle@${digest}`;
const written = `---
apiVersion: imgpkg.carvel.dev/v1alpha1
bundle:
  image: ${image}
  tag: v1
kind: BundleLock
`;
const imagesLock = `apiVersion: imgpkg.carvel.dev/v1alpha1\nkind: ImagesLock\nimages:\n- image: ${image}\n`;

test("a bundle's lock is written as imgpkg writes it, and read again", () => {
  const reference = parsePinned(image);
  assert.equal(formatBundleLock({ image, reference, tag: "v1" }), written);
  assert.equal(formatBundleLock({ image, reference }), written.replace("  tag: v1\n", ""));
  assert.equal(formatBundleLock({ image, reference, tag: "" }), written.replace("  tag: v1\n", ""));
  assert.deepEqual(parseBundleLock(Buffer.from(written), "f"), { image, reference, tag: "v1" });
  assert.deepEqual(parseBundleLock(Buffer.from(written.replace("  tag: v1\n", "")), "f"), {
    image,
    reference,
  });
});

test("tags that look like something else stay what they are", () => {
  const reference = parsePinned(image);
  for (const tag of ["1.0", "1e3", "true", "0x1", "latest", "2020-01-01", "1_0", "n"]) {
    const lock = { image, reference, tag };
    assert.deepEqual(parseBundleLock(Buffer.from(formatBundleLock(lock)), "f"), lock);
  }
  assert.match(formatBundleLock({ image, reference, tag: "1.0" }), /\n {2}tag: "1\.0"\n/);
});

test("a bundle's lock is read strictly", () => {
  const refused = [
    [
      "tag: v1",
      "digest: v1",
      'Unmarshaling bundle lock: error unmarshaling JSON: while decoding JSON: json: unknown field "digest"',
      "bundle.digest",
    ],
    [
      "kind: BundleLock",
      "kind: ImagesLock",
      "Validating bundle lock: Validating kind: Unknown kind (known: BundleLock)",
      "kind",
    ],
    [
      `@${digest}`,
      ":v1",
      "Validating bundle lock: Expected ref to be in digest form, got '127.0.0.1:5601/tr-bundle:v1'",
      "bundle.image",
    ],
    [
      "tag: v1",
      "tag: [v1]",
      "Unmarshaling bundle lock: error unmarshaling JSON: while decoding JSON: json: cannot unmarshal array into Go struct field BundleRef.bundle.tag of type string",
      "bundle.tag",
    ],
  ] as const;
  for (const [from, to, message, at] of refused) {
    assert.throws(() => parseBundleLock(Buffer.from(written.replace(from, to)), "lock.yml"), {
      code: "ERR_LADING_DOCUMENT",
      message,
      place: `lock.yml: ${at}`,
    });
  }
});

test("a lock's kind is found by reading it, and the error is that of an ImagesLock", () => {
  assert.equal(parseLockFile(Buffer.from(written), "f").kind, "BundleLock");
  assert.equal(parseLockFile(Buffer.from(imagesLock), "f").kind, "ImagesLock");
  assert.throws(() => parseLockFile(Buffer.from(written.replace(`@${digest}`, ":v1")), "f"), {
    message:
      'Unmarshaling images lock: error unmarshaling JSON: while decoding JSON: json: unknown field "bundle"',
  });
  assert.throws(
    () => parseLockFile(Buffer.from("apiVersion: imgpkg.carvel.dev/v1alpha1\nkind: Pod\n"), "f"),
    {
      message: "Validating images lock: Validating kind: Unknown kind (known: ImagesLock)",
    },
  );
});

test("a lock on disk that cannot be read is told of in imgpkg's words", async (t) => {
  const folder = await tempDir(t);
  const path = join(folder, "lock.yml");
  await assert.rejects(readLockBytes(path), {
    code: "ERR_LADING_NOT_FOUND",
    message: `Reading path ${path}: open ${path}: no such file or directory`,
  });
  await mkdir(join(folder, "dir"));
  await assert.rejects(readLockBytes(join(folder, "dir")), {
    code: "ERR_LADING_STORE",
    message: /: is a directory$/,
  });
  await writeFile(path, written);
  assert.equal(Buffer.from(await readLockBytes(path)).toString(), written);
  await writeFile(path, Buffer.alloc(9 * 1024 * 1024));
  await assert.rejects(readLockBytes(path), { code: "ERR_LADING_LIMIT" });
});
