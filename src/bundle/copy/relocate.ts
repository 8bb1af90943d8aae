import type { CopyPlan } from "../../copy/copy-plan.ts";
import type { CopiedImage, Traffic } from "../../copy/copy-result.ts";
import { execute } from "../../copy/execute.ts";
import { plan } from "../../copy/plan.ts";
import type { CopyRequest } from "../../copy/request.ts";
import { LadingError } from "../../errors.ts";
import type { Digest } from "../../spec/digest.ts";
import { hexOf } from "../../spec/digest.ts";
import { isTag } from "../../spec/reference.ts";
import type { Store } from "../../stores/store.ts";
import { generatedTag, locationsTag } from "../documents/names.ts";
import { createLocationsImage, type WrittenLocations, writeLocations } from "../locations/write.ts";
import type { BundleNode } from "../read/model.ts";
import { Gathering } from "./gathering.ts";
import { hasNonDistributable, type LeftLayers, leftLayersOf } from "./left-layers.ts";
import type { CopySet, GatherOptions, ImageToCopy } from "./model.ts";
import { type PlannedName, planNames, writeName } from "./names.ts";
import { repositoryBasedTag } from "./tags.ts";

export interface RelocateOptions extends Pick<GatherOptions, "on" | "signal" | "concurrency"> {
  /** Where locations images lie until they are written. */
  readonly tempDir: string;
  /** Tags that tell the repository an image comes from, in place of `sha256-<hex>.imgpkg`. */
  readonly repositoryBasedTags?: boolean;
  /** Layers that need not be distributed come along. */
  readonly nonDistributable?: boolean;
  /** What refers to the images comes along, and what refers to that. */
  readonly referrers?: boolean;
}

/** What a relocation will do. Plain data. */
export interface RelocationPlan {
  readonly copy: CopyPlan;
  /** The locations images that will be written when all of that is done. */
  readonly locations: readonly { readonly bundle: Digest; readonly tag: string; readonly digest: Digest }[];
  /** Names that are given last. */
  readonly names: readonly PlannedName[];
  readonly leftLayers: readonly LeftLayers[];
  readonly hasNonDistributable: boolean;
}

/** What a relocation did. */
export interface Relocation extends Traffic {
  /** One for each image of the set, in its order; `tags` has all that it got. */
  readonly images: readonly (CopiedImage & { readonly image: ImageToCopy })[];
  readonly locations: readonly WrittenLocations[];
  readonly leftLayers: readonly LeftLayers[];
  readonly hasNonDistributable: boolean;
}

interface Prepared {
  readonly requests: readonly CopyRequest[];
  readonly copy: CopyPlan;
  readonly names: readonly PlannedName[];
  readonly bundles: readonly BundleNode[];
}

/**
 * Copies a set into one repository. First all images, as one plan: each blob once, mounted where the registry has it.
 * When everything is there, a locations image for each bundle. Names that people know come last, so that nobody finds
 * half a bundle under them. Run again, it moves nothing and ends with the same locations images.
 * @throws LadingError what `plan` and `execute` throw; no locations image is written then, and no name given;
 * ERR_LADING_MISSING_CONTENT when layers that need not be distributed were asked for and are nowhere
 */
export async function relocate(set: CopySet, to: Store, options: RelocateOptions): Promise<Relocation> {
  const { requests, copy, names, bundles } = await prepare(set, to, options);
  const result = await execute(copy, requests, options);
  const gathering = new Gathering(options);
  const { signal } = gathering;
  const locations = await gathering.all(bundles, (bundle) =>
    writeLocations(bundle, to, { ...options, signal }),
  );
  await gathering.all(names, (name) => writeName(name, to, { ...options, signal }));
  return {
    images: result.images.flatMap((copied) => {
      const image = set.images[copied.request];
      if (image === undefined) return [];
      const { tag } = image;
      return [{ ...copied, image, tags: tag === undefined ? copied.tags : [...copied.tags, tag] }];
    }),
    locations,
    ...sum([result, ...locations.map(({ traffic }) => traffic)]),
    leftLayers: leftLayersOf(copy),
    hasNonDistributable: hasNonDistributable(copy),
  };
}

/** What `relocate` would do: asks the registries, and changes nothing. */
export async function planRelocation(
  set: CopySet,
  to: Store,
  options: RelocateOptions,
): Promise<RelocationPlan> {
  const { copy, names, bundles } = await prepare(set, to, options);
  const gathering = new Gathering(options);
  const locations = await gathering.all(bundles, async (bundle) => {
    const { digest } = bundle.reference;
    await using image = await createLocationsImage(bundle, { ...options, signal: gathering.signal });
    return { bundle: digest, tag: locationsTag(digest), digest: image.root.digest };
  });
  return {
    copy,
    locations,
    names,
    leftLayers: leftLayersOf(copy),
    hasNonDistributable: hasNonDistributable(copy),
  };
}

async function prepare(set: CopySet, to: Store, options: RelocateOptions): Promise<Prepared> {
  const names = planNames(set.images);
  const requests = set.images.map((image) => requestOf(image, to, options));
  const copy = await plan(requests, options);
  if (options.nonDistributable === true) checkNothingLeft(copy, set);
  const bundles = await set.bundles();
  checkNames(names, [
    ...set.images.map(({ root }) => [generatedTag(root.digest), root.digest] as const),
    ...bundles.map(({ reference: { digest } }) => [locationsTag(digest), undefined] as const),
  ]);
  return { requests, copy, names, bundles };
}

/** A tar may want its images called anything, also what tells of others: that is not its to decide. */
function checkNames(
  names: readonly PlannedName[],
  taken: readonly (readonly [tag: string, digest: Digest | undefined])[],
): void {
  const owners = new Map(taken);
  for (const { name, root } of names) {
    if (!owners.has(name) || owners.get(name) === root.digest) continue;
    throw new LadingError(
      "ERR_LADING_DOCUMENT",
      `${root.digest} is to become ${name}, which the copy gives to another image`,
      { hint: "whoever made this tar means to mislead, or the tool that did is broken: do not use it" },
    );
  }
}

function requestOf(
  image: ImageToCopy,
  to: Store,
  { repositoryBasedTags = false, referrers = false }: RelocateOptions,
): CopyRequest {
  const { source, root, platforms, mountFrom, origin, from } = image;
  const tag = repositoryBasedTags
    ? repositoryBasedTag(origin || from, root.digest)
    : generatedTag(root.digest);
  if (!isTag(tag)) {
    throw new LadingError("ERR_LADING_UNSUPPORTED", `the digest of ${from} is longer than a tag can hold`, {
      place: source.label,
      hint: "what bundles name has sha256 digests; push the image again with one",
    });
  }
  return {
    from: source,
    reference: root,
    to,
    tags: [tag],
    referrers,
    ...(platforms === undefined ? {} : { platforms, keepIndex: true }),
    ...(mountFrom === undefined ? {} : { mountFrom }),
  };
}

/** Where they were asked for, a tar or registry that lacks them is not enough. */
function checkNothingLeft(copy: CopyPlan, { images }: CopySet): void {
  const [first] = leftLayersOf(copy);
  const [layer] = first?.layers ?? [];
  const image = first === undefined ? undefined : images[first.request];
  if (layer === undefined || image === undefined) return;
  if (image.foundBy === "archive") {
    throw new LadingError(
      "ERR_LADING_MISSING_CONTENT",
      `file sha256-${hexOf(layer)}.tar.gz not found in tar`,
      {
        place: image.source.label,
        hint: "This may be because when copying to a tarball, the --include-non-distributable-layers flag should have been provided.",
      },
    );
  }
  throw new LadingError(
    "ERR_LADING_MISSING_CONTENT",
    `the non-distributable layer ${layer} of ${image.from} is not there`,
    {
      place: image.source.label,
      hint: "it is only where its urls point: leave it out, or bring it to the source first",
    },
  );
}

function sum(parts: readonly Traffic[]): Traffic {
  const add = (of: keyof Traffic) => ({
    nodes: parts.reduce((total, part) => total + part[of].nodes, 0),
    bytes: parts.reduce((total, part) => total + part[of].bytes, 0),
  });
  return { moved: add("moved"), mounted: add("mounted"), present: add("present") };
}
