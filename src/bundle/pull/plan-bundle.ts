import type { Descriptor } from "../../spec/descriptor.ts";
import { algorithmOf, type Digest, hexOf } from "../../spec/digest.ts";
import type { ImageManifest } from "../../spec/manifest.ts";
import { readManifest } from "../../stores/read.ts";
import type { CallOptions, Source } from "../../stores/store.ts";
import type { ImagesLock } from "../documents/model.ts";
import { type PinnedReference, pinnedIn } from "../documents/names.ts";
import { readBundleFiles } from "../read/bundle-files.ts";
import { readImage } from "../read/image.ts";
import { readLocations } from "../read/locations-image.ts";
import type { BundleNode } from "../read/model.ts";
import { type BundleRoot, readBundleTree } from "../read/tree.ts";
import type { Repositories } from "../repositories.ts";
import { notABundle } from "./kind.ts";
import { type Relocation, relocationOf } from "./relocation.ts";

/** One bundle that is going to be unpacked. */
export interface BundleToPull {
  /** Where it was found. */
  readonly reference: PinnedReference;
  readonly source: Source;
  readonly descriptor: Descriptor;
  readonly manifest: ImageManifest;
  readonly lock: ImagesLock;
  /** Its folder below the output; "" for the bundle that was asked for. */
  readonly at: string;
  readonly relocation: Relocation;
}

/** A bundle as the tree is walked: imgpkg tells of it in this order. */
export interface BundleVisit {
  readonly bundle: BundleToPull;
  /** 0 for the bundle that was asked for. */
  readonly depth: number;
  /** It came before, and is not unpacked again. */
  readonly again: boolean;
}

export interface BundlePullPlan {
  readonly root: BundleToPull;
  /** Each once, in the order in which they are met. */
  readonly nested: readonly BundleToPull[];
  readonly visits: readonly BundleVisit[];
}

export interface PlanBundlePullOptions extends CallOptions {
  /** Also the bundles in the bundle, to any depth. */
  readonly recursive?: boolean;
  /** Requests at the same time. */
  readonly concurrency?: number;
}

/** A bundle in a registry, or in an archive; what its reference stands for is known. */
export type BundleToPlan = BundleRoot & { readonly descriptor: Descriptor };

type OpenBundle = Pick<BundleNode, "reference" | "source" | "descriptor" | "lock" | "locations">;

/**
 * What pulling a bundle comes to: its lock, its locations and, when asked for, the bundles below it, with the decision for
 * each lock whether it is written anew. Without locations each image of a lock is looked for beside its bundle. Origins are
 * asked only to find the bundles in the bundle.
 * @throws LadingError ERR_LADING_USAGE with imgpkg's sentence for an image that is no bundle; what reading bundles throws
 */
export async function planBundlePull(
  root: BundleToPlan,
  repositories: Repositories<Source>,
  { recursive = false, ...settings }: PlanBundlePullOptions = {},
): Promise<BundlePullPlan> {
  if (!recursive) {
    const only = await bundleToPull(await openOne(root, settings), "", settings);
    return { root: only, nested: [], visits: [{ bundle: only, depth: 0, again: false }] };
  }
  const tree = await readBundleTree(root, repositories, settings);
  const met = new Map<Digest, BundleToPull>();
  const visits: BundleVisit[] = [];
  const visit = async (node: BundleNode, depth: number): Promise<BundleToPull> => {
    const { digest } = node.descriptor;
    const known = met.get(digest);
    if (known !== undefined) {
      visits.push({ bundle: known, depth, again: true });
      return known;
    }
    const bundle = await bundleToPull(node, depth === 0 ? "" : nestedPath(digest), settings);
    met.set(digest, bundle);
    visits.push({ bundle, depth, again: false });
    for (const { bundle: inner } of node.images) if (inner !== undefined) await visit(inner, depth + 1);
    return bundle;
  };
  const first = await visit(tree, 0);
  return { root: first, nested: [...met.values()].slice(1), visits };
}

/**
 * The manifest of an image that has to be a bundle.
 * @throws LadingError ERR_LADING_USAGE with imgpkg's sentence; what `readImage` throws
 */
export async function bundleManifest(
  { source, descriptor }: Pick<BundleToPlan, "source" | "descriptor">,
  options: CallOptions = {},
): Promise<ImageManifest> {
  const { manifest, isBundle } = await readImage(source, descriptor, callOf(options));
  if (manifest.kind !== "image" || !isBundle) throw notABundle(source.label);
  return manifest;
}

/** A bundle alone, without a look at its images. */
async function openOne(root: BundleToPlan, options: CallOptions): Promise<OpenBundle> {
  const { reference, source, descriptor } = root;
  const call = callOf(options);
  return {
    reference: pinnedIn(reference, descriptor.digest),
    source,
    descriptor,
    lock: root.lock ?? (await readBundleFiles(source, await bundleManifest(root, call), call)).lock,
    locations: await readLocations(source, descriptor.digest, call),
  };
}

async function bundleToPull(
  bundle: OpenBundle,
  at: string,
  options: CallOptions & { readonly concurrency?: number },
): Promise<BundleToPull> {
  const { reference, source, descriptor, lock } = bundle;
  const manifest = await readManifest(source, descriptor, callOf(options));
  if (manifest.kind !== "image") throw notABundle(source.label);
  return {
    reference,
    source,
    descriptor,
    manifest,
    lock,
    at,
    relocation: await relocationOf(bundle, options),
  };
}

function callOf({ signal }: CallOptions): CallOptions {
  return signal === undefined ? {} : { signal };
}

/** All nested bundles lie flat, whatever bundle they are in. */
function nestedPath(digest: Digest): string {
  return `.imgpkg/bundles/${algorithmOf(digest)}-${hexOf(digest)}`;
}
