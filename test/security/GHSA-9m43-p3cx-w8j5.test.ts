import assert from "node:assert/strict";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import test from "node:test";
import { collect } from "../../src/bytes/collect.ts";
import { exportFilesystem } from "../../src/image/export.ts";
import { openFilesystem } from "../../src/image/filesystem/filesystem.ts";
import { layerImage } from "../support/layer-image.ts";
import { tarOf } from "../support/tar.ts";
import { tempDir } from "../support/tmp.ts";
import { directory, file, hardLink, symlink } from "./unpack-attack.ts";

// malcontent GHSA-9m43-p3cx-w8j5 (and OPA's bundles): a program that only looks into a layer unpacked it first, checked
// link targets as text, and so read or wrote files of its own machine. Looking into an image asks no file system at all.

test("GHSA-9m43-p3cx-w8j5: what looks into an image sees nothing but the image", async (t) => {
  const outside = await tempDir(t);
  mkdirSync(join(outside, "folder"));
  writeFileSync(join(outside, "canary"), "of this machine");
  const up = "../".repeat(20);
  const { source, manifest } = layerImage([
    tarOf(
      directory("a"),
      symlink("absolute", `${outside}/canary`),
      symlink("relative", `${up}${outside.slice(1)}/canary`),
      symlink("a/chain", ".."),
      symlink("a/more", `chain/${up}${outside.slice(1)}`),
      symlink("self", "/proc/self/environ"),
      hardLink("hard", "absolute"),
      // What is packed within a file stays packed.
      file("inner.tar", tarOf(file("../../../outside")).toString("latin1")),
    ),
  ]);
  const image = await openFilesystem(source, manifest);
  for (const path of ["/absolute", "/relative", "/a/more/canary", "/self", "/hard", `${outside}/canary`]) {
    await assert.rejects(image.read(path), { code: "ERR_LADING_NOT_FOUND" }, path);
    await assert.rejects(image.list(path), { code: "ERR_LADING_NOT_FOUND" }, path);
  }
  const names: string[] = [];
  for await (const { path } of image.walk("/")) names.push(path);
  assert.deepEqual(names, [
    ...["/a", "/a/chain", "/a/more", "/absolute", "/hard", "/inner.tar", "/relative", "/self"],
  ]);
  const exported = await collect(exportFilesystem(source, manifest), 1e6, "export");
  assert.ok(!exported.includes("of this machine"));
});
