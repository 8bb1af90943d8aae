import type { BundleNode } from "./model.ts";

/** The bundle and all bundles in it, each once, in the order in which the locks lead to them. */
export function* bundlesOf(tree: BundleNode): Generator<BundleNode> {
  const seen = new Set<BundleNode>();
  const ahead = [tree];
  for (let next = ahead.pop(); next !== undefined; next = ahead.pop()) {
    if (seen.has(next)) continue;
    seen.add(next);
    yield next;
    for (const { bundle } of next.images.toReversed()) if (bundle !== undefined) ahead.push(bundle);
  }
}
