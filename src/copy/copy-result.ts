import { PartialError } from "../errors.ts";
import type { Descriptor } from "../spec/descriptor.ts";
import type { Amount, CopyPlan } from "./copy-plan.ts";

/** What a copy did. */
export interface CopyResult extends Traffic {
  /** One for each request that was done, in the order of the requests. */
  readonly images: readonly CopiedImage[];
}

export interface CopiedImage extends Traffic {
  readonly request: number;
  /** The source's label. */
  readonly from: string;
  /** The sink's label. */
  readonly to: string;
  readonly root: Descriptor;
  readonly tags: readonly string[];
  /** Referrers that went along. */
  readonly referrers: number;
}

/** Nodes and bytes by what became of them. What several images share counts for the first. */
export interface Traffic {
  readonly moved: Amount;
  readonly mounted: Amount;
  readonly present: Amount;
}

/** Some requests of a copy with `keepGoing` failed; `result` has the others. */
export class CopyPartialError extends PartialError {
  readonly result: CopyResult;

  constructor(errors: readonly unknown[], result: CopyResult, asked: number) {
    super(`${errors.length} of ${asked} copies failed`, errors, {
      hint: "run the same again: what is done is not moved twice",
    });
    this.result = result;
  }
}

export type Outcome = "moved" | "mounted" | "present";

/** Adds up what became of the plan's nodes; an undefined outcome was not done. */
export function resultOf(
  plan: CopyPlan,
  outcomes: readonly (Outcome | undefined)[],
  isDone: (image: number) => boolean,
): CopyResult {
  const whole = new TrafficCount();
  const counts = new Map<number, TrafficCount>();
  for (const [i, { request, descriptor }] of plan.nodes.entries()) {
    const outcome = outcomes[i];
    if (outcome === undefined) continue;
    const own = counts.get(request) ?? new TrafficCount();
    counts.set(request, own);
    own.add(outcome, descriptor.size);
    whole.add(outcome, descriptor.size);
  }
  const images = plan.images.flatMap((image, i): CopiedImage[] => {
    if (!isDone(i)) return [];
    const { request, from, to, root, tags, referrers } = image;
    const label = plan.destinations[to]?.label ?? "";
    const names = tags.map(({ name }) => name);
    const traffic = (counts.get(request) ?? new TrafficCount()).read();
    return [{ request, from, to: label, root, tags: names, referrers, ...traffic }];
  });
  return { images, ...whole.read() };
}

class TrafficCount {
  readonly #amounts: Record<Outcome, { nodes: number; bytes: number }> = {
    moved: { nodes: 0, bytes: 0 },
    mounted: { nodes: 0, bytes: 0 },
    present: { nodes: 0, bytes: 0 },
  };

  add(outcome: Outcome, bytes: number): void {
    this.#amounts[outcome].nodes++;
    this.#amounts[outcome].bytes += bytes;
  }

  read(): Traffic {
    return this.#amounts;
  }
}
