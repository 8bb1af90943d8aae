import assert from "node:assert/strict";
import { join } from "node:path";
import test from "node:test";
import { unpackImage } from "../../src/image/unpack/unpack.ts";
import { layerImage } from "../support/layer-image.ts";
import { type EntrySpec, tarOf } from "../support/tar.ts";
import { tempDir } from "../support/tmp.ts";
import { treeOf } from "../support/tree.ts";
import { directory, file, hardLink, symlink } from "./unpack-attack.ts";

// ggcr#2227, taken back by #2250, tried again by #2279, #2330 and #2400: a rule against attacks refused images that
// people have. What stands here is in real base images and layers; all of it has to unpack as it is.

const real: Readonly<Record<string, readonly EntrySpec[]>> = {
  "a ./ in front of all names, as tar -C dir . writes": [
    directory("./"),
    directory("./etc"),
    file("./etc/os-release", "x"),
  ],
  "absolute names": [directory("/app"), file("/app/main", "x")],
  "relative links up and down": [
    file("usr/lib/os-release", "x"),
    symlink("etc/os-release", "../usr/lib/os-release"),
  ],
  "absolute links, also to what only exists at run time": [
    symlink("etc/mtab", "/proc/self/mounts"),
    symlink("var/run", "/run"),
    symlink("dev/fd", "/proc/self/fd"),
  ],
  "a link that climbs beyond the root, which in a container is the root": [
    symlink("etc/mtab", "../../../proc/mounts"),
  ],
  "a merged /usr": [directory("usr/bin"), symlink("bin", "usr/bin"), file("usr/bin/sh", "x")],
  "a link to itself and one to nothing": [symlink("loop", "loop"), symlink("gone", "nowhere")],
  "busybox: hundreds of hard links to one file": [
    file("bin/busybox", "x"),
    ...Array.from({ length: 300 }, (_, i) => hardLink(`bin/applet-${i}`, "bin/busybox")),
  ],
  "hard links by ./ and by /": [file("./a", "x"), hardLink("./b", "./a"), hardLink("/c", "/a")],
  "a hard link to a symbolic link": [file("a", "x"), symlink("b", "a"), hardLink("c", "b")],
  "kernel headers: names that differ by case only": [
    file("linux/xt_DSCP.h", "1"),
    file("linux/xt_dscp.h", "2"),
  ],
  "certificates: names in NFC and in NFD": [file("N\u00e9tlock.crt", "1"), file("Ne\u0301tlock.crt", "2")],
  "kubernetes: names that begin with dots": [
    file("..2026_01_01/token", "x"),
    symlink("..data", "..2026_01_01"),
    symlink("token", "..data/token"),
    file("...", "x"),
  ],
  "systemd: backslashes and colons": [file("system-systemd\\x2dcryptsetup.slice", "x"), file("a:b", "x")],
  "windows would not have it": [file("dir./file ", "x"), file("aux", "x"), file("con.txt", "x")],
  "a folder told after what is in it": [file("opt/app/x", "x"), { ...directory("opt/app"), mode: 0o555 }],
  "a folder told again and again": [directory("etc"), directory("etc"), file("etc/x", "x"), directory("etc")],
  "a file told twice, the last one counts": [file("x", "1"), file("x", "2")],
  "setuid, sticky and no rights at all": [
    { ...file("bin/su", "x"), mode: 0o4755 },
    { ...directory("tmp"), mode: 0o1777 },
    { ...file("etc/shadow", "x"), mode: 0 },
  ],
  "names as long as file systems take them": [file(`${"n".repeat(255)}/${"m".repeat(255)}`, "x")],
  "a layer of docker build that only deletes": [{ name: "etc/.wh.gone" }, { name: "var/cache/.wh..wh..opq" }],
  "what AUFS left": [directory(".wh..wh.plnk"), file(".wh..wh.plnk/1.2", "x"), { name: ".wh..wh.aufs" }],
};

for (const [what, entries] of Object.entries(real)) {
  const unreadable = entries.some(({ mode }) => mode === 0) && process.geteuid?.() !== 0;
  const skip = unreadable && "needs root to read what it unpacked";
  test(`ggcr-2250: not refused: ${what}`, { skip }, async (t) => {
    const { source, manifest } = layerImage([tarOf(...entries)]);
    for (const walk of ["descriptors", "paths"] as const) {
      const target = join(await tempDir(t), "root");
      const result = await unpackImage(source, manifest, target, { walk });
      assert.equal(result.skipped, 0);
      const names = treeOf(target).filter((line) => !line.startsWith("dir "));
      const shown = new Set(
        entries
          .filter(({ name, type }) => type !== "directory" && !name.includes(".wh."))
          .map(({ name }) => name.replace(/^\.?\//, "")),
      );
      assert.equal(names.length, shown.size, names.join("\n"));
    }
  });
}

test("ggcr-2250: not refused: an upper layer that writes to /lib where the base made that a link", async (t) => {
  const { source, manifest } = layerImage([
    tarOf(directory("usr/lib"), symlink("lib", "usr/lib")),
    tarOf(file("lib/libx.so", "x")),
  ]);
  const target = join(await tempDir(t), "root");
  // As `lading pull` unpacks.
  await unpackImage(source, manifest, target, { throughLinks: "inside" });
  assert.deepEqual(treeOf(target), [
    "link lib -> usr/lib",
    "dir 755 usr",
    "dir 755 usr/lib",
    'file 644 usr/lib/libx.so "x"',
  ]);
});
