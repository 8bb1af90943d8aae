import { link, mkdir, symlink, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { collect } from "../../../src/bytes/collect.ts";
import { decompress } from "../../../src/formats/compression.ts";
import type { TarEntry } from "../../../src/formats/tar/entry.ts";
import { readTar } from "../../../src/formats/tar/read.ts";
import type { Layer } from "../../../src/image/layer/create.ts";
import { sampleBytes } from "../../support/sample-bytes.ts";

/** A file, link or folder that a test puts on disk. */
export type Leaf =
  | { readonly bytes: Uint8Array | string; readonly mode?: number }
  | { readonly to: string }
  | { readonly hardLinkOf: string }
  | "folder";

const longName = "a-name-that-is-longer-than-the-hundred-bytes-of-the-old-header-".repeat(2);

/** A tree with what is hard for a layer: order, long names, characters beyond ASCII, sizes around the block. */
export const tree: Readonly<Record<string, Leaf>> = {
  "README.md": { bytes: "# a tree\n" },
  "bin/run": { bytes: "#!/bin/sh\nexit 0\n", mode: 0o755 },
  "bin/start": { to: "run" },
  "bin-2": { bytes: "sorted before bin/run" },
  "bin.txt": { bytes: "so is this" },
  empty: "folder",
  "empty.txt": { bytes: "" },
  "data/512": { bytes: sampleBytes(512, 2) },
  "data/513": { bytes: sampleBytes(513, 3) },
  "data/large": { bytes: sampleBytes(1_500_000, 4) },
  "data/same": { hardLinkOf: "data/512" },
  [`deep/${longName}/file`]: { bytes: "long" },
  [`deep/${"d/".repeat(140)}file`]: { bytes: "deep" },
  dangling: { to: "/nowhere/at all" },
  "names/-dash": { bytes: "1" },
  "names/new\nline": { bytes: "2" },
  "names/äöü": { bytes: "3" },
  "names/\u{fb01}": { bytes: "before the emoji in bytes, after it in UTF-16" },
  "names/\u{1f600}": { bytes: "4" },
  "names/\ufffd": { bytes: "a replacement character of its own" },
  "sub/.git/config": { bytes: "not at the root: stays" },
};

/** Puts a tree on disk, in the order of `names`. */
export async function plant(root: string, names: readonly string[] = Object.keys(tree)): Promise<void> {
  const links: [string, string][] = [];
  for (const name of names) {
    const leaf = tree[name];
    const path = join(root, name);
    if (leaf === undefined) throw new Error(`no ${name} in the tree`);
    if (leaf === "folder") await mkdir(path, { recursive: true });
    else {
      await mkdir(dirname(path), { recursive: true });
      if ("to" in leaf) await symlink(leaf.to, path);
      else if ("hardLinkOf" in leaf) links.push([join(root, leaf.hardLinkOf), path]);
      else await writeFile(path, leaf.bytes, { mode: leaf.mode ?? 0o644 });
    }
  }
  for (const [target, path] of links) await link(target, path);
}

export interface Read extends TarEntry {
  readonly content: string;
}

export async function blobOf(layer: Layer): Promise<Buffer> {
  return await collect(await layer.body.open({ offset: 0 }), 64 * 1024 * 1024, "layer");
}

/** The entries of a layer as the tar reader sees them, contents in latin1. */
export async function entriesOf(layer: Layer): Promise<Read[]> {
  const entries: Read[] = [];
  for await (const item of readTar(decompress(await layer.body.open({ offset: 0 })))) {
    const { name, type, mode, uid, gid, mtime, size, linkName } = item;
    const content = (await collect(item.content(), 64 * 1024 * 1024, name)).toString("latin1");
    entries.push({
      name,
      type,
      mode,
      uid,
      gid,
      mtime,
      size,
      content,
      ...(linkName === undefined ? {} : { linkName }),
    });
  }
  return entries;
}
