import type { Descriptor } from "../../spec/descriptor.ts";
import type { Digest } from "../../spec/digest.ts";
import type { LayoutEntry } from "../../spec/layout-files.ts";
import { type Catalog, isSame, layoutEntry } from "./catalog.ts";

type Entries = readonly LayoutEntry[];

/*
 * How `index.json` is kept tidy. A manifest is known when an entry lists it or when an index among the entries reaches
 * it. Every manifest that was written stays known until it is removed, so that it is found again by its digest: what
 * has no name and no index above it gets an entry without a name. Other tools then see as few entries as can be: after
 * a multi-platform image was written and named there is one.
 */

/** Only what a nameless entry of Lading has: dropping it loses nothing once something else reaches the manifest. */
function isBare({ json }: LayoutEntry): boolean {
  return Object.keys(json).every((key) => bareKeys.has(key));
}

const bareKeys: ReadonlySet<string> = new Set(["mediaType", "digest", "size", "platform", "artifactType"]);

/** The manifest was written: makes it known, and drops the nameless entries of what it reaches. */
export async function withManifest(
  entries: Entries,
  descriptor: Descriptor,
  catalog: Catalog,
): Promise<Entries> {
  const { digest } = descriptor;
  const nested = await catalog.nested(entries);
  const listed = entries.some((entry) => entry.descriptor.digest === digest);
  const known = listed || isSame(nested.get(digest), descriptor);
  const next = known ? entries : [...entries, layoutEntry(descriptor)];
  const children = new Map(
    (await catalog.childrenOf(descriptor)).map((child): [Digest, Descriptor] => [child.digest, child]),
  );
  if (children.size === 0) return next;
  const tidy = next.filter((entry) => {
    const child = children.get(entry.descriptor.digest);
    if (child === undefined || !isBare(entry) || !isSame(child, entry.descriptor)) return true;
    // Another index calls the same bytes something else: the entry says what they were written as.
    const other = nested.get(child.digest);
    return other !== undefined && !isSame(other, child);
  });
  return tidy.length === next.length ? next : tidy;
}

/** Gives the name to this manifest; what had it before stays known. */
export async function withName(
  entries: Entries,
  target: Descriptor,
  name: string,
  catalog: Catalog,
): Promise<Entries> {
  const { digest } = target;
  const before = entries.filter((entry) => entry.name === name);
  const first = before[0];
  if (before.length === 1 && first?.descriptor.digest === digest) return entries;
  const others = entries.filter(
    (entry) => entry.name !== name && !(entry.descriptor.digest === digest && isBare(entry)),
  );
  const next = [...others, layoutEntry(target, name)];
  return withKnown(
    next,
    before.map((entry) => entry.descriptor),
    catalog,
  );
}

/** Takes the name away; the manifest stays known. */
export async function withoutName(entries: Entries, name: string, catalog: Catalog): Promise<Entries> {
  const before = entries.filter((entry) => entry.name === name);
  if (before.length === 0) return entries;
  const next = entries.filter((entry) => entry.name !== name);
  return withKnown(
    next,
    before.map((entry) => entry.descriptor),
    catalog,
  );
}

/** Takes the manifest out with all its names; what only it reached stays known. */
export async function withoutManifest(
  entries: Entries,
  descriptor: Descriptor,
  catalog: Catalog,
): Promise<Entries> {
  const next = entries.filter((entry) => entry.descriptor.digest !== descriptor.digest);
  if (next.length === entries.length) return entries;
  return withKnown(next, await catalog.childrenOf(descriptor), catalog);
}

/** Adds nameless entries for those of these manifests that nothing reaches any more. */
async function withKnown(
  entries: Entries,
  manifests: readonly Descriptor[],
  catalog: Catalog,
): Promise<Entries> {
  if (manifests.length === 0) return entries;
  const listed = new Set(entries.map((entry) => entry.descriptor.digest));
  const nested = await catalog.nested(entries);
  const lost = new Map(
    manifests
      .filter(
        (descriptor) => !listed.has(descriptor.digest) && !isSame(nested.get(descriptor.digest), descriptor),
      )
      .map((descriptor) => [descriptor.digest, layoutEntry(descriptor)]),
  );
  return lost.size === 0 ? entries : [...entries, ...lost.values()];
}
