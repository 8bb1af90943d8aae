import type { UnpackResult } from "../../image/unpack/options.ts";
import type { StagedFolder } from "../../image/unpack/staged-folder.ts";
import { unpackImage } from "../../image/unpack/unpack.ts";
import type { Source } from "../../stores/store.ts";
import { formatImagesLock, lockOf, parseImagesLock } from "../documents/images-lock.ts";
import { documentLimits } from "../documents/limits.ts";
import type { Repositories } from "../repositories.ts";
import { type PullOptions, unpackOptions } from "./options.ts";
import {
  type BundlePullPlan,
  type BundleToPlan,
  type BundleToPull,
  bundleManifest,
  type PlanBundlePullOptions,
  planBundlePull,
} from "./plan-bundle.ts";

export interface PulledBundle {
  readonly bundle: BundleToPull;
  readonly unpacked: UnpackResult;
}

export interface BundlePull {
  /** What was found and decided on the way. */
  readonly plan: BundlePullPlan;
  /** Each bundle once, the one that was asked for first. */
  readonly pulled: readonly PulledBundle[];
}

const lockPath = ".imgpkg/images.yml";

/**
 * Unpacks a bundle into a folder and writes its lock anew when its images are known to be elsewhere than it says; when
 * asked for also all bundles in it, flat, each with its own lock. All of it appears at once: until everything is there and
 * right, the folder stays as it was. The layers are read once: what is decided is decided from the unpacked lock.
 * @throws LadingError ERR_LADING_USAGE with imgpkg's sentence for an image that is no bundle; as `planBundlePull` and
 * `unpackImage`
 */
export async function pullBundle(
  root: BundleToPlan,
  repositories: Repositories<Source>,
  target: string,
  { on, ...options }: PullOptions & PlanBundlePullOptions = {},
): Promise<BundlePull> {
  const { source, descriptor } = root;
  const manifest = await bundleManifest(root, options);
  const settings = unpackOptions({
    ...(on === undefined ? {} : { on }),
    ...(options.signal === undefined ? {} : { signal: options.signal }),
  });
  const nested: PulledBundle[] = [];
  let plan: BundlePullPlan | undefined;
  const unpacked = await unpackImage(source, manifest, target, settings, async (staged) => {
    const place = `${source.label}@${descriptor.digest}: ${lockPath}`;
    const lock = parseImagesLock(staged.readFile(lockPath, documentLimits.lockBytes), place);
    plan = await planBundlePull({ ...root, lock }, repositories, options);
    relocate(staged, plan.root);
    for (const bundle of plan.nested) {
      const result = await staged.unpack(bundle.at, bundle, (inner) => relocate(inner, bundle));
      nested.push({ bundle, unpacked: result });
    }
  });
  if (plan === undefined) throw new Error("a bundle was unpacked without a look at its lock");
  return { plan, pulled: [{ bundle: plan.root, unpacked }, ...nested] };
}

/** Writes the lock anew: same order and annotations, each image where it is now. */
function relocate(staged: StagedFolder, { lock, relocation }: BundleToPull): void {
  if (!relocation.rewritten) return;
  const images = lock.images.map(({ reference, annotations }) => ({
    reference: relocation.images.get(reference.digest) ?? reference,
    annotations,
  }));
  staged.replaceFile(lockPath, formatImagesLock(lockOf(images)));
}
