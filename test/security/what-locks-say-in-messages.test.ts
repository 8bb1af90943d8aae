import assert from "node:assert/strict";
import test from "node:test";
import { parseBundleLock } from "../../src/bundle/documents/bundle-lock.ts";
import { parseImagesLock } from "../../src/bundle/documents/images-lock.ts";
import { parseLocations } from "../../src/bundle/documents/locations.ts";
import { isLadingError } from "../../src/errors.ts";

// What a document has in place of a reference is told in the error: not the password in it (CWE-532), not for hours
// (CWE-1333, regular expressions that go back and forth), and not all of it.

const version = "apiVersion: imgpkg.carvel.dev/v1alpha1\n";

function messagesFor(image: string): string[] {
  const text = JSON.stringify(image);
  return [
    () => parseImagesLock(Buffer.from(`${version}kind: ImagesLock\nimages:\n- image: ${text}\n`), "f"),
    () => parseBundleLock(Buffer.from(`${version}kind: BundleLock\nbundle:\n  image: ${text}\n`), "f"),
    () => parseLocations(Buffer.from(`${version}kind: ImageLocations\nimages:\n- image: ${text}\n`), "f"),
  ].map((parse) => {
    try {
      parse();
    } catch (error) {
      assert.ok(isLadingError(error), String(error));
      return `${error.message} ${error.place} ${error.hint}`;
    }
    return assert.fail(`${image} was taken for a reference`);
  });
}

const digest = `sha256:${"0".repeat(64)}`;

for (const image of [
  `user:s3cret@registry.example/app@${digest}`,
  "user:s3cret@registry.example/app",
  "user:s3cret@registry.example:5000",
  `https://user:s3cret@registry.example/app@${digest}`,
  `https://s3cret@registry.example/app@${digest}`,
  `user:p@s3cret@registry.example/app@${digest}`,
  `user:p/s3cret@registry.example/app@${digest}`,
  `user:s3cret@registry.example/app@sha256:short`,
]) {
  test(`a password in a lock is not told: ${image.slice(0, 50)}`, () => {
    for (const message of messagesFor(image)) assert.doesNotMatch(message, /s3cret/);
  });
}

for (const part of [":", "a:", "@:", "@", "/", "a/", "sha256:", ".", "-"]) {
  test(`a reference of a megabyte of ${JSON.stringify(part)} is refused at once, in a short message`, () => {
    for (const message of messagesFor(part.repeat(1024 * 1024)))
      assert.ok(message.length < 1000, `${message.length}`);
  });
}
