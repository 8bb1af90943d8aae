import { LadingError } from "../../errors.ts";
import { type EntryAttributes, entryAttributes } from "../../formats/tar/attributes.ts";
import type { TarEntryType, TarItem } from "../../formats/tar/entry.ts";
import { parseWhiteout, type Whiteout } from "../whiteout.ts";

/** One file of a layer. Hard links to it share the object. */
export interface Inode extends EntryAttributes {
  readonly type: Exclude<TarEntryType, "hardlink">;
  /** Set for a hard link whose target was not seen yet: its path. */
  readonly openLink?: string;
  /** Index of the layer in the manifest. */
  readonly layer: number;
  /** Where in the layer's tar the data begin: names the entry. */
  readonly offset: number;
}

/** A path of one layer, or of several merged ones. */
export class TreeNode {
  /** Undefined for a directory that only its children's paths tell of. */
  inode: Inode | undefined;
  children: Map<string, TreeNode> | undefined;
  /** Names that lower layers may have and that are deleted. */
  whiteouts: Set<string> | undefined;
  /** Children of lower layers are hidden. */
  opaque = false;
  /** Everything in lower layers at this path is hidden, the directory's own owner and mode included. */
  sealed = false;

  constructor(inode?: Inode) {
    this.inode = inode;
  }

  get isDirectory(): boolean {
    return this.inode === undefined || this.inode.type === "directory";
  }
}

/** A hard link whose target is not in its own layer. */
export interface OpenLink {
  readonly node: TreeNode;
  readonly target: readonly string[];
}

export interface LayerTree {
  readonly root: TreeNode;
  readonly openLinks: readonly OpenLink[];
}

/**
 * The parts of a path in a tar, from the root; `./` and `/` in front mean nothing.
 * @throws LadingError ERR_LADING_UNSAFE_PATH for `..`
 */
export function pathParts(name: string): readonly string[] {
  const parts = name.split("/").filter((part) => part !== "" && part !== ".");
  if (parts.includes("..")) {
    throw new LadingError("ERR_LADING_UNSAFE_PATH", `a layer has a path with "..": ${JSON.stringify(name)}`);
  }
  return parts;
}

/** Builds the tree of one layer from its entries. `count` is called for each new path and may throw. */
export class LayerTreeBuilder {
  readonly #layer: number;
  readonly #count: () => void;
  readonly #root = new TreeNode();
  readonly #links: OpenLink[] = [];
  /** Directories with whiteouts. */
  readonly #deleting = new Set<TreeNode>();

  constructor(layer: number, count: () => void) {
    this.#layer = layer;
    this.#count = count;
  }

  add(item: TarItem): void {
    const parts = pathParts(item.name);
    const name = parts.at(-1);
    if (name === undefined) {
      if (item.type === "directory") this.#root.inode = this.#inode(item, "directory");
      return;
    }
    const folders = parts.slice(0, -1);
    const whiteout = parseWhiteout(item.name, folders, name);
    if (whiteout?.hides === "nothing") return;
    const parent = this.#directory(folders);
    if (whiteout !== undefined) this.#whiteout(parent, whiteout);
    else if (item.type === "hardlink") this.#link(parent, name, item);
    else if (item.type === "directory") {
      const existing = parent.children?.get(name);
      const node = existing?.isDirectory ? existing : this.#put(parent, name);
      node.inode = this.#inode(item, "directory");
    } else this.#put(parent, name).inode = this.#inode(item, item.type);
  }

  finish(): LayerTree {
    for (const parent of this.#deleting) {
      for (const name of parent.whiteouts ?? []) {
        const child = parent.children?.get(name);
        if (child !== undefined) child.sealed = true;
      }
    }
    // A link may stand before its target.
    const openLinks = this.#links.filter((link) => !closeLink(link, this.#root));
    return { root: this.#root, openLinks };
  }

  #inode(item: TarItem, type: Inode["type"]): Inode {
    return { type, ...entryAttributes(item), layer: this.#layer, offset: item.offset };
  }

  #put(parent: TreeNode, name: string): TreeNode {
    this.#count();
    const node = new TreeNode();
    parent.children ??= new Map();
    parent.children.set(name, node);
    return node;
  }

  #directory(parts: readonly string[]): TreeNode {
    let node = this.#root;
    for (const part of parts) {
      const child = node.children?.get(part);
      node = child?.isDirectory ? child : this.#put(node, part);
    }
    return node;
  }

  #whiteout(parent: TreeNode, whiteout: Whiteout): void {
    if (whiteout.hides === "all") parent.opaque = true;
    if (whiteout.hides !== "name") return;
    this.#count();
    parent.whiteouts ??= new Set();
    parent.whiteouts.add(whiteout.name);
    this.#deleting.add(parent);
  }

  #link(parent: TreeNode, name: string, item: TarItem): void {
    const target = pathParts(item.linkName ?? "");
    const inode = find(this.#root, target)?.inode;
    const node = this.#put(parent, name);
    if (inode !== undefined && inode.type !== "directory" && inode.openLink === undefined) {
      node.inode = inode;
    } else {
      node.inode = { ...this.#inode(item, "file"), size: 0, openLink: target.join("/") };
      this.#links.push({ node, target });
    }
  }
}

function find(root: TreeNode, parts: readonly string[]): TreeNode | undefined {
  let node: TreeNode | undefined = root;
  for (const part of parts) node = node?.children?.get(part);
  return node;
}

/** Points a link at its target in this layer; false when the target is not here. */
export function closeLink({ node, target }: OpenLink, root: TreeNode): boolean {
  const found = find(root, target);
  if (found === undefined || found.isDirectory || found.inode?.openLink !== undefined) return false;
  node.inode = found.inode;
  return true;
}

/**
 * Puts a lower layer's tree under what is merged already; `lower` is used up. A directory that only its children's paths
 * tell of gives way to a symbolic link below it: `graft` gets the link and what the upper layers have there.
 */
export function mergeBelow(
  upper: TreeNode,
  lower: TreeNode,
  graft: (link: TreeNode, parts: readonly string[], upper: TreeNode) => void,
  parts: readonly string[] = [],
): void {
  if (upper.sealed || !upper.isDirectory) return;
  if (!lower.isDirectory) {
    if (upper.inode === undefined && lower.inode?.type === "symlink") {
      const above = new TreeNode();
      Object.assign(above, upper);
      upper.inode = lower.inode;
      upper.children = undefined;
      graft(upper, parts, above);
    } else upper.sealed = true;
    return;
  }
  upper.inode ??= lower.inode;
  if (!upper.opaque) {
    for (const [name, child] of lower.children ?? []) {
      const mine = upper.children?.get(name);
      if (mine !== undefined) mergeBelow(mine, child, graft, [...parts, name]);
      else if (!upper.whiteouts?.has(name)) {
        upper.children ??= new Map();
        upper.children.set(name, child);
      }
    }
    for (const name of lower.whiteouts ?? []) {
      const mine = upper.children?.get(name);
      if (mine !== undefined) mine.sealed = true;
      else {
        upper.whiteouts ??= new Set();
        upper.whiteouts.add(name);
      }
    }
    upper.opaque = lower.opaque;
  }
  upper.sealed = lower.sealed;
}
