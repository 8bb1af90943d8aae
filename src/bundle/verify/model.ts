import type { Digest } from "../../spec/digest.ts";

/**
 * - `missing`: not there
 * - `wrong`: other bytes or another size than its digest or descriptor says, or a document that says what is not so
 * - `denied`: the registry does not let us see it
 * - `failed`: it could not be found out, for example because the registry cannot be reached
 */
export type Fault = "missing" | "wrong" | "denied" | "failed";
export type VerifyState = "ok" | Fault;

/** From the worst on. */
export const faults: readonly Fault[] = ["wrong", "missing", "denied", "failed"];

/** One thing that is not as it should be. */
export interface VerifyProblem {
  readonly state: Fault;
  /** The manifest or blob that it is about; left out when it is about what a document says. */
  readonly digest?: Digest;
  /** For people. */
  readonly message: string;
}

/** An image that the bundle needs, at one place. */
export interface VerifiedImage {
  readonly kind: "bundle" | "image" | "locations";
  /** What locks call it; its own place for the bundle itself and for locations images. */
  readonly origin: string;
  /** Where it is, or should be. */
  readonly image: string;
  /** The worst of its problems. */
  readonly state: VerifyState;
  readonly problems: readonly VerifyProblem[];
  /** The bundles that name it, by where they are. */
  readonly neededBy: readonly string[];
}

export interface BundleVerifyReport {
  /** The bundle. */
  readonly bundle: string;
  /** The worst of all images. */
  readonly state: VerifyState;
  readonly images: readonly VerifiedImage[];
  /** Manifests and blobs that were looked at, each once in each repository. */
  readonly checked: number;
  /** Bytes of blobs that were read and hashed; few unless all of them were asked for. */
  readonly bytes: number;
}

export function worstOf(states: readonly VerifyState[]): VerifyState {
  return faults.find((fault) => states.includes(fault)) ?? "ok";
}
