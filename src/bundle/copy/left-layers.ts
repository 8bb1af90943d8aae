/** Layers that need not be distributed: which a plan leaves behind, and whether there are any. */
import type { CopyPlan, PlannedNode } from "../../copy/copy-plan.ts";
import type { Digest } from "../../spec/digest.ts";
import { isNonDistributable } from "../../spec/media-type.ts";

/** Layers of one image. */
export interface LeftLayers {
  /** Index of the request. */
  readonly request: number;
  readonly layers: readonly Digest[];
}

/** The layers that stay where their `urls` point, image by image. */
export function leftLayersOf(plan: CopyPlan): LeftLayers[] {
  return plan.images.flatMap(({ request, tops }): LeftLayers[] => {
    const layers = nodesBelow(plan, tops).flatMap(({ action, descriptor }) =>
      action === "absent" ? descriptor.digest : [],
    );
    return layers.length === 0 ? [] : [{ request, layers: layers.sort() }];
  });
}

export function hasNonDistributable(plan: CopyPlan): boolean {
  return plan.nodes.some(
    ({ kind, descriptor }) => kind === "blob" && isNonDistributable(descriptor.mediaType),
  );
}

/** Each node once. */
function nodesBelow(plan: CopyPlan, tops: readonly number[]): PlannedNode[] {
  const seen = new Set(tops);
  // The set grows while it is walked.
  for (const index of seen) for (const child of plan.nodes[index]?.children ?? []) seen.add(child);
  return [...seen].flatMap((index) => plan.nodes[index] ?? []);
}
