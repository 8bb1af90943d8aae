import type { ErrorCode } from "../errors.ts";
import type { Descriptor } from "../spec/descriptor.ts";
import type { RepositoryLocation } from "../stores/store.ts";

/**
 * What a copy will do. Plain data: it survives `JSON.parse(JSON.stringify(plan))`, and stores are named by the index of
 * the request that has them.
 */
export interface CopyPlan {
  /** Each place that is written to, once. */
  readonly destinations: readonly PlannedDestination[];
  /** One for each request that could be planned, in the order of the requests. */
  readonly images: readonly PlannedImage[];
  /** In the order in which work starts: blobs, the biggest first, then manifests after their children. */
  readonly nodes: readonly PlannedNode[];
  readonly totals: PlanTotals;
  /** Requests that could not be planned; always empty without `keepGoing`. */
  readonly failures: readonly PlanFailure[];
}

export interface PlannedDestination {
  /** The sink's label. */
  readonly label: string;
  /** The first request whose sink this is. */
  readonly request: number;
  readonly location?: RepositoryLocation;
}

export interface PlannedImage {
  readonly request: number;
  /** The source's label. */
  readonly from: string;
  /** Index into `destinations`. */
  readonly to: number;
  readonly root: Descriptor;
  readonly tags: readonly PlannedTag[];
  /** Indexes into `nodes`: the root and the referrers. Tags are set when these are done. */
  readonly tops: readonly number[];
  /** Referrers that go along. */
  readonly referrers: number;
  /** Images of a sparse index that stay behind, since `platforms` did not choose them. */
  readonly leftOut: number;
}

export interface PlannedTag {
  readonly name: string;
  /** The destination has this tag on the root already. */
  readonly current: boolean;
}

/**
 * - `move`: read from the source and written.
 * - `mount`: taken over from another repository of the same registry; moved when the registry will not.
 * - `present`: the destination has it.
 * - `absent`: not copied and not needed, such as a foreign layer that stays at its `urls`.
 */
export type PlannedAction = "move" | "mount" | "present" | "absent";

/** One node at one destination. */
export interface PlannedNode {
  readonly kind: "manifest" | "blob";
  /** Without annotations. */
  readonly descriptor: Descriptor;
  /** Index into `destinations`. */
  readonly to: number;
  readonly action: PlannedAction;
  /** The request whose source has the node; missing when no source has it. */
  readonly from?: number;
  /** The first request that needs it here; its result counts the bytes. */
  readonly request: number;
  /** The destination was asked, or is known, not to have it. */
  readonly knownAbsent: boolean;
  /** Indexes into `nodes`, at the same destination, that come before this one. */
  readonly children: readonly number[];
  /** Repositories of the destination's registry that have the blob, or will. */
  readonly mountFrom?: readonly RepositoryLocation[];
  /** Index into `nodes`: the upload to another repository that this mount waits for. */
  readonly after?: number;
}

/** Nodes and bytes of each action over all destinations. */
export interface PlanTotals {
  readonly nodes: number;
  readonly bytes: number;
  readonly move: Amount;
  readonly mount: Amount;
  readonly present: Amount;
  readonly absent: Amount;
}

export interface Amount {
  readonly nodes: number;
  readonly bytes: number;
}

export interface PlanFailure {
  readonly request: number;
  readonly code: ErrorCode;
  readonly message: string;
  readonly place?: string;
  readonly hint?: string;
}
