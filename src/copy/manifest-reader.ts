import { isLadingError } from "../errors.ts";
import type { Descriptor } from "../spec/descriptor.ts";
import type { Digest } from "../spec/digest.ts";
import { type Child, childrenOf } from "../spec/graph.ts";
import type { Manifest } from "../spec/manifest.ts";
import { readManifest } from "../stores/read.ts";
import type { Source } from "../stores/store.ts";
import type { CopyPlan } from "./copy-plan.ts";
import type { Gate } from "./together.ts";

/** What the walk needs to know of a manifest. */
export interface ManifestEdges {
  readonly kind: Manifest["kind"];
  readonly children: readonly Child[];
  readonly subject?: Digest;
}

/** Bytes of manifests kept from planning to executing; what is beyond is read from the source again. */
const keptBytes = 64 * 1024 * 1024;

/** Reads each manifest once per run, whichever source has it first. */
export class ManifestReader {
  readonly #gate: Gate;
  readonly #signal: AbortSignal;
  readonly #read = new Map<string, Promise<ManifestEdges | undefined>>();
  readonly #kept = new Map<Digest, Uint8Array>();
  #keptSize = 0;

  constructor(gate: Gate, signal: AbortSignal) {
    this.#gate = gate;
    this.#signal = signal;
  }

  /** The manifest's edges, or undefined when this source does not have it. */
  read(source: Source, descriptor: Descriptor): Promise<ManifestEdges | undefined> {
    const key = `${descriptor.digest} ${descriptor.size} ${descriptor.mediaType}`;
    const known = this.#read.get(key);
    if (known !== undefined) return known.then((edges) => edges ?? this.#load(source, descriptor));
    const reading = this.#load(source, descriptor);
    this.#read.set(key, reading);
    // What fails at one source may still be read from the next.
    reading.catch(() => this.#read.delete(key));
    return reading;
  }

  async #load(source: Source, descriptor: Descriptor): Promise<ManifestEdges | undefined> {
    let manifest: Manifest;
    try {
      manifest = await this.#gate(() => readManifest(source, descriptor, { signal: this.#signal }));
    } catch (error) {
      if (isLadingError(error) && error.code === "ERR_LADING_NOT_FOUND") return undefined;
      throw error;
    }
    if (this.#keptSize + manifest.raw.byteLength <= keptBytes && !this.#kept.has(descriptor.digest)) {
      this.#kept.set(descriptor.digest, manifest.raw);
      this.#keptSize += manifest.raw.byteLength;
    }
    return {
      kind: manifest.kind,
      children: childrenOf(manifest),
      ...(manifest.subject === undefined ? {} : { subject: manifest.subject.digest }),
    };
  }

  /** Lets `execute` use the bytes that were read for this plan. */
  keepFor(plan: CopyPlan): void {
    keptByPlan.set(plan, this.#kept);
  }
}

/** Beside the plan and not in it: a plan that went through JSON has none, and the sources are asked again. */
const keptByPlan = new WeakMap<CopyPlan, ReadonlyMap<Digest, Uint8Array>>();

export function keptManifest(plan: CopyPlan, digest: Digest): Uint8Array | undefined {
  return keptByPlan.get(plan)?.get(digest);
}
