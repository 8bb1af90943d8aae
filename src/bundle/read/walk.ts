import { lockName } from "../documents/names.ts";
import type { BundleEntry, BundleNode } from "./model.ts";

/** The bundle and all bundles in it, each once, an outer one before those that it names. */
export function* bundlesOf(tree: BundleNode): Generator<BundleNode> {
  const seen = new Set<BundleNode>();
  const ahead = [tree];
  for (let next = ahead.pop(); next !== undefined; next = ahead.pop()) {
    if (seen.has(next)) continue;
    seen.add(next);
    yield next;
    const inner = next.images.flatMap(({ bundle }) => (bundle === undefined ? [] : [bundle]));
    ahead.push(...inner.reverse());
  }
}

/** What all bundles of the tree name, bundles included, each once for the place where it was found. */
export function* imagesOf(tree: BundleNode): Generator<BundleEntry> {
  const seen = new Set<string>();
  for (const { images } of bundlesOf(tree)) {
    for (const entry of images) {
      const name = lockName(entry.reference);
      if (seen.has(name)) continue;
      seen.add(name);
      yield entry;
    }
  }
}
