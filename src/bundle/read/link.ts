import { LadingError } from "../../errors.ts";
import type { BundleEntry, BundleNode } from "./model.ts";

/** An image of a bundle, before the bundles of a tree are put together. */
export interface LoadedEntry extends Omit<BundleEntry, "bundle"> {
  /** The name under which the bundle was loaded, when it is one. */
  readonly bundle?: string;
}

export interface LoadedBundle extends Omit<BundleNode, "images"> {
  readonly entries: readonly LoadedEntry[];
}

/** Bundles within bundles: more than anybody has, and no danger to the stack. */
export const maxBundleDepth = 100;

export function tooDeep(name: string): LadingError {
  return new LadingError(
    "ERR_LADING_LIMIT",
    `bundles are nested deeper than ${maxBundleDepth} levels, or in a circle`,
    { place: name },
  );
}

/**
 * Puts the bundles of a tree together, the innermost first: a bundle that several others name is one object.
 * @throws LadingError ERR_LADING_LIMIT when they are nested too deep
 */
export function linkTree(root: string, loaded: ReadonlyMap<string, LoadedBundle | undefined>): BundleNode {
  const nodes = new Map<string, BundleNode>();
  const link = (name: string, depth: number): BundleNode | undefined => {
    const known = nodes.get(name);
    if (known !== undefined) return known;
    if (depth > maxBundleDepth) throw tooDeep(name);
    const bundle = loaded.get(name);
    if (bundle === undefined) return undefined;
    const { entries, ...rest } = bundle;
    const images = entries.map(
      ({ bundle: inner, ...entry }): BundleEntry => ({
        ...entry,
        bundle: inner === undefined ? undefined : link(inner, depth + 1),
      }),
    );
    const node = { ...rest, images };
    nodes.set(name, node);
    return node;
  };
  const node = link(root, 0);
  if (node === undefined) throw new RangeError(`no bundle ${root} was loaded`);
  return node;
}
