import { entryAttributes } from "../formats/tar/attributes.ts";
import { encodeHeader, padding, tarEnd } from "../formats/tar/encode.ts";
import type { TarEntry } from "../formats/tar/entry.ts";
import type { ImageManifest } from "../spec/manifest.ts";
import type { Source } from "../stores/store.ts";
import { below, brokenLink, type FilesystemOptions } from "./filesystem/filesystem.ts";
import { LayeredTree } from "./filesystem/layers.ts";
import type { Inode } from "./filesystem/tree.ts";

/**
 * The merged file system of an image as one tar, without whiteouts. The same image always gives the same bytes:
 * directories first and sorted, then files in the order of their layers, each with its hard links behind it, then
 * everything else. Each layer is read twice, once for its names and once for its content (those without content that
 * shows: once), so memory stays flat whatever the layers' size.
 * @throws LadingError while it is read: what the source, verification and the tar reader throw
 */
export async function* exportFilesystem(
  source: Source,
  manifest: ImageManifest,
  options: FilesystemOptions = {},
): AsyncGenerator<Uint8Array> {
  const call = options.signal === undefined ? {} : { signal: options.signal };
  const tree = new LayeredTree(source, manifest, options);
  await tree.readAll(call);

  const filled = new Map<Inode, string[]>();
  const rest: [name: string, inode: Inode][] = [];
  for (const { node, parts } of below(tree.root, [])) {
    const name = parts.join("/");
    const inode = node.inode;
    if (inode === undefined) yield header(name, impliedDirectory);
    else if (inode.type === "directory") yield header(name, inode);
    else if (inode.openLink !== undefined) throw brokenLink(`/${name}`, inode.openLink, source.label);
    else if (inode.type === "file" && inode.size > 0) {
      const names = filled.get(inode);
      if (names === undefined) filled.set(inode, [name]);
      else names.push(name);
    } else rest.push([name, inode]);
  }

  const byLayer = new Map<number, Map<number, readonly string[]>>();
  for (const [inode, names] of filled) {
    let layer = byLayer.get(inode.layer);
    if (layer === undefined) {
      layer = new Map();
      byLayer.set(inode.layer, layer);
    }
    layer.set(inode.offset, names);
  }
  for (const [layer, names] of [...byLayer].sort(([a], [b]) => a - b)) {
    for await (const item of tree.items(layer, call)) {
      const [first, ...links] = names.get(item.offset) ?? [];
      if (first === undefined || item.type !== "file") continue;
      yield encodeHeader({ ...entryAttributes(item), type: "file", name: first });
      yield* item.content();
      if (item.size % 512 !== 0) yield padding(item.size);
      for (const name of links) {
        yield encodeHeader({ ...entryAttributes(item), type: "hardlink", size: 0, name, linkName: first });
      }
    }
  }
  for (const [name, inode] of rest) yield header(name, inode);
  yield tarEnd;
}

const impliedDirectory = { type: "directory", mode: 0o755, uid: 0, gid: 0, mtime: 0, size: 0 } as const;

function header(name: string, entry: Omit<TarEntry, "name">): Buffer {
  return encodeHeader({ ...entryAttributes(entry), type: entry.type, name });
}
