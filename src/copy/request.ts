import type { EventListener } from "../events.ts";
import type { Descriptor } from "../spec/descriptor.ts";
import type { Platform } from "../spec/platform.ts";
import type { CallOptions, RepositoryLocation, Sink, Source } from "../stores/store.ts";

/** One graph to copy: what, from where, to where, and under which names. */
export interface CopyRequest {
  readonly from: Source;
  /** A tag or digest at the source, or the descriptor that it stands for. */
  readonly reference: string | Descriptor;
  readonly to: Sink;
  /** Names to give the root at the sink; may be empty. */
  readonly tags: readonly string[];
  /**
   * Which images of an index to copy; none or an empty list means the whole index. One platform copies that image alone:
   * its manifest becomes the root, with its own digest. Several copy a *sparse* index: the index keeps its bytes and
   * digest, and only the chosen images (with their attestations) go along. Layouts and archives take a sparse index;
   * most registries refuse one, unless they have the other images already. A root that is no index is copied as it is.
   */
  readonly platforms?: readonly Platform[];
  /** A sparse index for one platform, too: for an index whose digest others name. */
  readonly keepIndex?: boolean;
  /** Also copy what refers to any manifest of the graph, and what refers to that; a list gives the artifact types wanted. */
  readonly referrers?: boolean | readonly string[];
  /** More repositories that may have the blobs, to mount from when they are in the sink's registry. */
  readonly mountFrom?: readonly RepositoryLocation[];
}

export interface PlanOptions extends CallOptions {
  /**
   * Take a root that a registry has as proof that its whole graph is there: one request for an image that is present.
   * Registries check children when a manifest is pushed, but may lose them later. By default every blob is asked for,
   * so that a damaged destination is healed. Never applies to stores without a `location`: a layout may be sparse.
   */
  readonly trustRoots?: boolean;
  /**
   * Copy non-distributable (foreign) layers that the source has; a registry also gives those that it has not, from their
   * `urls`. By default they stay there.
   */
  readonly nonDistributable?: boolean;
  /** Requests in flight while planning, and large blobs in flight per destination while executing. Default 4. */
  readonly concurrency?: number;
  /** Go on with the other requests when one fails; the failures come together as one PartialError at the end. */
  readonly keepGoing?: boolean;
  readonly on?: EventListener;
}

export type ExecuteOptions = Pick<PlanOptions, "signal" | "concurrency" | "keepGoing" | "on">;

export type CopyOptions = PlanOptions;

export const defaultConcurrency = 4;
