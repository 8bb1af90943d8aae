import { isLadingError } from "../../errors.ts";
import type { RepositoryLocation, Source, Store } from "../../stores/store.ts";
import { lockName, type PinnedReference, parsePinned } from "../documents/names.ts";
import { readImage } from "../read/image.ts";
import type { BundleNode } from "../read/model.ts";
import { readBundleTree } from "../read/tree.ts";
import { bundlesOf } from "../read/walk.ts";
import type { Repositories } from "../repositories.ts";
import { type BundleTar, rootBundleLabel } from "../tar/open.ts";
import type { TarRoot } from "../tar/read-document.ts";
import { Gathering, onceEach, sortedOnce } from "./gathering.ts";
import { LayeredSource } from "./layered-source.ts";
import type { CopyKind, CopySet, CopySubject, GatherOptions, ImageToCopy } from "./model.ts";

/**
 * All images of a tar, for one repository. Where an image's recorded source is in the registry that it goes to, its blobs
 * are mounted from there, and taken from there when the tar lacks them; any other source is never contacted.
 * @throws LadingError what reading the tar throws
 */
export async function gatherTar(
  tar: BundleTar,
  to: Store,
  repositories: Repositories,
  options: GatherOptions = {},
): Promise<CopySet> {
  const { platforms = [] } = options;
  const gathering = new Gathering(options);
  const near = new Map<string, Promise<Store>>();
  const open = (location: RepositoryLocation): Promise<Store> => {
    const opening = near.get(location.repository) ?? repositories.open(location);
    near.set(location.repository, opening);
    return opening;
  };
  const images = await gathering.all(tar.roots, async (root): Promise<ImageToCopy> => {
    const mountFrom = locationsOf(root, to);
    const origins = await Promise.all(mountFrom.map(open));
    const { descriptor, tag, origRef, isIndex } = root;
    return {
      kind: await kindOf(tar, root, gathering.signal),
      source: origins.length === 0 ? tar : new LayeredSource(tar, origins),
      root: descriptor,
      from: nameIn(tar, root),
      foundBy: "archive",
      origin: origRef,
      ...(tag === "" ? {} : { tag }),
      mountFrom,
      ...(isIndex && platforms.length > 0 ? { platforms } : {}),
    };
  });
  const bundle = tar.roots.find(isRootBundle);
  return {
    subject: bundle === undefined ? subjectOf(images) : subjectOfBundle(bundle),
    images: sortedOnce(images),
    bundles: async () => {
      if (bundle === undefined) return [];
      // What a differential tar has left out is at the destination.
      const source = new LayeredSource(tar, [...(await Promise.all(near.values())), to]);
      return bundlesIn(source, bundle, options);
    },
  };
}

/** For what was in no registry when the tar was written. The name is reserved (RFC 2606): it is no host. */
const nowhere = { registry: "nowhere.invalid", repository: "bundle" };

/** Every bundle below the root, read from the tar: whatever repository a lock names, its images are in here. */
async function bundlesIn(
  source: Source,
  { descriptor, refs }: TarRoot,
  options: GatherOptions,
): Promise<readonly BundleNode[]> {
  const { digest } = descriptor;
  const reference = pinnedOrNone(refs[0] ?? "") ?? { ...nowhere, digest };
  const tree = await readBundleTree(
    { reference, source, descriptor },
    { open: async () => source },
    { ...options, missing: "fail" },
  );
  return onceEach(bundlesOf(tree));
}

/** Repositories of the destination's registry that the tar names as this image's source. */
function locationsOf({ refs }: TarRoot, { location: to }: Store): RepositoryLocation[] {
  const found = new Map<string, RepositoryLocation>();
  for (const ref of refs) {
    const { registry, repository } = pinnedOrNone(ref) ?? {};
    if (registry !== undefined && repository !== undefined && registry === to?.registry) {
      found.set(repository, { registry, repository });
    }
  }
  return [...found.values()];
}

/** Where the tar says that it found the image, or the tar itself. */
function nameIn({ label }: BundleTar, { refs, descriptor: { digest } }: TarRoot): string {
  const [reference] = refs.flatMap((ref) => pinnedOrNone(ref) ?? []);
  return reference === undefined ? `${label}@${digest}` : lockName(reference);
}

/** A tar may come from anybody; a reference that is none names no place to ask. */
function pinnedOrNone(ref: string): PinnedReference | undefined {
  try {
    return parsePinned(ref);
  } catch (error) {
    if (isLadingError(error)) return undefined;
    throw error;
  }
}

function isRootBundle({ labels }: TarRoot): boolean {
  return labels !== undefined && Object.hasOwn(labels, rootBundleLabel);
}

function subjectOfBundle({ descriptor: { digest }, tag }: TarRoot): CopySubject {
  return { kind: "bundle", digest, ...(tag === "" ? {} : { tag }) };
}

/** Tars of old did not say which bundle is the root. */
function subjectOf(images: readonly ImageToCopy[]): CopySubject {
  return images.some(({ kind }) => kind === "bundle") ? { kind: "unknown bundle" } : { kind: "images" };
}

/** What cosign made is known by its tag, a bundle by the label in its config, which the tar's document holds. */
async function kindOf(tar: BundleTar, root: TarRoot, signal: AbortSignal): Promise<CopyKind> {
  if (isRootBundle(root)) return "bundle";
  const [, kind] = /^sha(?:256|512)-[0-9a-f]+\.(sig|att|sbom)$/.exec(root.tag) ?? [];
  if (kind !== undefined) return kind as CopyKind;
  if (root.isIndex) return "image";
  return (await readImage(tar, root.descriptor, { signal })).isBundle ? "bundle" : "image";
}
