import type { TreeNode } from "./tree.ts";

export interface Found {
  readonly node: TreeNode;
  /** The path without links. */
  readonly parts: readonly string[];
}

export interface LookupOptions {
  /** Whether a symbolic link at the very end is followed. */
  readonly followLast: boolean;
  /** Whether all layers are in the tree; otherwise what is not there may be in a lower one. */
  readonly complete: boolean;
}

/** As in Linux. */
const maxLinks = 40;

/**
 * Walks a path through a merged tree. Links lead nowhere but within the tree: the root's parent is the root, and an
 * absolute target begins at it. "undecided" means that a layer which is not in the tree yet could change the answer.
 */
export function lookup(
  root: TreeNode,
  path: readonly string[],
  { followLast, complete }: LookupOptions,
): Found | "absent" | "undecided" | "too many links" {
  const ahead = [...path].reverse();
  let nodes = [root];
  let parts: string[] = [];
  let links = 0;
  for (let name = ahead.pop(); name !== undefined; name = ahead.pop()) {
    if (name === "" || name === ".") continue;
    if (name === "..") {
      if (nodes.length > 1) nodes.pop();
      parts.pop();
      continue;
    }
    const parent: TreeNode = nodes.at(-1) ?? root;
    const child = parent.children?.get(name);
    if (child === undefined) return complete || hidesBelow(parent, name) ? "absent" : "undecided";
    if (!complete && isUndecided(child)) return "undecided";
    const target = child.inode?.type === "symlink" ? child.inode.linkName : undefined;
    if (target !== undefined && (followLast || ahead.some((part) => part !== ""))) {
      if (++links > maxLinks) return "too many links";
      if (target.startsWith("/")) {
        nodes = [root];
        parts = [];
      }
      ahead.push(...target.split("/").reverse());
      continue;
    }
    nodes.push(child);
    parts.push(name);
  }
  return { node: nodes.at(-1) ?? root, parts };
}

function hidesBelow(parent: TreeNode, name: string): boolean {
  return !parent.isDirectory || parent.opaque || parent.sealed || parent.whiteouts?.has(name) === true;
}

/** Lower layers tell a directory's owner and mode, a link's target, or that the path is a symbolic link after all. */
function isUndecided({ inode, sealed }: TreeNode): boolean {
  return inode === undefined ? !sealed : inode.openLink !== undefined;
}

/** Children that upper layers have at a path where a lower one has a symbolic link. */
export interface Graft {
  readonly link: TreeNode;
  readonly parts: readonly string[];
  readonly upper: TreeNode;
}

/**
 * Puts what upper layers wrote below a symbolic link where it leads, as unpacking one layer after the other does. Where
 * it leads to no directory, a directory takes the link's place.
 */
export function applyGraft(root: TreeNode, { link, parts, upper }: Graft): void {
  const found = lookup(root, parts, { followLast: true, complete: true });
  if (typeof found === "string" || !found.node.isDirectory || found.node === link) {
    link.inode = undefined;
    link.children = upper.children;
  } else mergeOver(found.node, upper, link.inode?.layer ?? 0);
}

/** `below`: the layer of the link; what comes from there or from lower layers is what whiteouts can mean. */
function mergeOver(target: TreeNode, upper: TreeNode, below: number): void {
  const isOld = (node: TreeNode): boolean => (node.inode?.layer ?? 0) <= below;
  for (const [name, child] of target.children ?? []) {
    if ((upper.opaque || upper.whiteouts?.has(name)) && isOld(child)) target.children?.delete(name);
  }
  for (const [name, child] of upper.children ?? []) {
    const mine = target.children?.get(name);
    if (mine?.isDirectory && child.isDirectory) {
      if (child.inode !== undefined && (mine.inode?.layer ?? -1) < child.inode.layer)
        mine.inode = child.inode;
      mergeOver(mine, child, below);
    } else if (mine === undefined || (mine.inode?.layer ?? -1) < (child.inode?.layer ?? 0)) {
      target.children ??= new Map();
      target.children.set(name, child);
    }
  }
}
