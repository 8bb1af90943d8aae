import type { Descriptor } from "../../spec/descriptor.ts";
import { isIndexType } from "../../spec/media-type.ts";
import { formatReference, type Reference } from "../../spec/reference.ts";
import type { Source } from "../../stores/store.ts";
import { lockName, lockRepositoryName } from "../documents/names.ts";
import type { BundleEntry, BundleNode } from "../read/model.ts";
import { readBundleTree } from "../read/tree.ts";
import { bundlesOf } from "../read/walk.ts";
import type { Repositories } from "../repositories.ts";
import { rootBundleLabel } from "../tar/open.ts";
import { withArtifacts } from "./artifacts.ts";
import { Gathering, onceEach, sortedOnce } from "./gathering.ts";
import type { CopySet, FoundBy, GatherOptions, ImageToCopy } from "./model.ts";
import { resolveLocated } from "./resolve-located.ts";

export interface NamedBundle {
  readonly reference: Reference;
  readonly source: Source;
  readonly descriptor?: Descriptor;
  /** The tag that it keeps. */
  readonly tag?: string;
}

/**
 * Everything that a bundle needs: itself, the images of its lock, and those of the bundles in it, to any depth. Images
 * are looked for where the bundle's locations image says, then beside the bundle, then at the origin.
 * @throws LadingError what reading the bundles throws; ERR_LADING_NOT_FOUND for an image that is not where it should be
 */
export async function gatherBundle(
  named: NamedBundle,
  repositories: Repositories,
  options: GatherOptions = {},
): Promise<CopySet> {
  const tree = await readBundleTree(named, repositories, { ...options, missing: "fail" });
  const bundles = [...bundlesOf(tree)];
  const name = lockName(tree.reference);
  const root: ImageToCopy = {
    kind: "bundle",
    source: tree.source,
    root: tree.descriptor,
    from: name,
    name: formatReference(named.reference),
    foundBy: "given",
    origin: name,
    ...(named.tag === undefined ? {} : { tag: named.tag }),
    labels: { [rootBundleLabel]: "" },
  };
  const gathering = new Gathering(options);
  const images = await imagesIn(bundles, gathering, options);
  return {
    subject: {
      kind: "bundle",
      digest: tree.descriptor.digest,
      ...(named.tag === undefined ? {} : { tag: named.tag }),
    },
    images: await withArtifacts(sortedOnce([root, ...images]), gathering, options),
    bundles: async () => onceEach(bundles),
  };
}

/** The images of all locks; those that are in several places come several times, as in imgpkg. */
async function imagesIn(
  bundles: readonly BundleNode[],
  gathering: Gathering,
  { platforms = [] }: GatherOptions,
): Promise<ImageToCopy[]> {
  const found = new Map<string, { readonly entry: BundleEntry; readonly foundBy: FoundBy }>();
  for (const bundle of bundles) {
    for (const entry of bundle.images) {
      const name = lockName(entry.reference);
      if (!found.has(name)) found.set(name, { entry, foundBy: foundByOf(bundle, entry) });
    }
  }
  return gathering.all(found, async ([from, { entry, foundBy }]): Promise<ImageToCopy> => {
    const { source, reference, bundle, locked } = entry;
    const root =
      bundle?.descriptor ??
      entry.descriptor ??
      (await resolveLocated(source, reference.digest, from, { signal: gathering.signal }));
    return {
      kind: bundle === undefined ? "image" : "bundle",
      ...{ source, root, from, foundBy },
      origin: locked.image,
      ...(platforms.length > 0 && isIndexType(root.mediaType) ? { platforms } : {}),
    };
  });
}

function foundByOf(bundle: BundleNode, { reference }: BundleEntry): FoundBy {
  if (bundle.locations !== undefined) return "locations";
  const beside = lockRepositoryName(reference) === lockRepositoryName(bundle.reference);
  return beside ? "bundle repository" : "origin";
}
