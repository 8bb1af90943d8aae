import type { Node } from "../spec/graph.ts";
import { nodeKey } from "../spec/graph.ts";
import type { Sink } from "../stores/store.ts";
import { isSamePlace } from "./destinations.ts";
import { manifestsInOrder, type Need, type Needs } from "./need.ts";
import type { CopyRequest } from "./request.ts";
import { allSettled, type Gate, mapTogether } from "./together.ts";

/**
 * - `present`: asked and there, or known without asking.
 * - `absent`: asked and not there.
 * - `unknown`: not asked, since writing or mounting it costs no more than asking.
 */
export type PresenceAnswer = "present" | "absent" | "unknown";

export interface PresenceContext {
  readonly requests: readonly CopyRequest[];
  readonly sinks: readonly Sink[];
  /** How many needs are at work at once; those that come to a question wait at the gate. */
  readonly concurrency: number;
  readonly gate: Gate;
  readonly signal: AbortSignal;
  readonly abort: (reason: unknown) => void;
  readonly trustRoots: boolean;
  readonly nonDistributable: boolean;
}

/** What destinations have. Each node is asked for at most once per destination and run. */
export class Presence {
  readonly #context: PresenceContext;
  readonly #asked = new Map<string, Promise<boolean>>();

  constructor(context: PresenceContext) {
    this.#context = context;
  }

  ask(to: number, node: Node): Promise<boolean> {
    const key = `${to} ${nodeKey(node)}`;
    let answer = this.#asked.get(key);
    if (answer === undefined) {
      const { sinks, gate, signal } = this.#context;
      answer = gate(async () => (await sinks[to]?.has(node, { signal })) ?? false);
      this.#asked.set(key, answer);
    }
    return answer;
  }

  /** A tag that was found to stand for this manifest says that it is there, too. */
  learn(to: number, node: Node): void {
    this.#asked.set(`${to} ${nodeKey(node)}`, Promise.resolve(true));
  }

  /** Whether a root that is here stands for its whole graph: registries check that, layouts may be sparse. */
  trusts(to: number): boolean {
    return this.#context.trustRoots && this.#context.sinks[to]?.location !== undefined;
  }

  /**
   * Decides for every need whether it is there, with as few questions as lead to no needless transfer:
   * - roots and referrers are asked for;
   * - what a present manifest lists is asked for (it heals a damaged destination), or trusted with `trustRoots`;
   * - a manifest listed only by manifests that are not there is not asked for: writing it is one request, too;
   * - a blob listed only by manifests that are not there is asked for, unless it can be mounted: mounting tells as well.
   * A destination without a location is a disk or memory: it is asked for everything.
   * @param mountable whether another repository is known to have the blob
   */
  async decide(needs: Needs, mountable: (need: Need) => boolean): Promise<Map<Need, PresenceAnswer>> {
    const decided = await allSettled(
      needs.map((here, to) => this.#decideAt(to, here, mountable)),
      this.#context.abort,
    );
    return new Map(decided.flat());
  }

  async #decideAt(
    to: number,
    needs: ReadonlyMap<string, Need>,
    mountable: (need: Need) => boolean,
  ): Promise<[Need, PresenceAnswer][]> {
    const { requests, sinks, concurrency, abort } = this.#context;
    const sink = sinks[to];
    const near = sink === undefined || sink.location === undefined;
    const answers = new Map<string, Promise<{ answer: PresenceAnswer; trusted: boolean }>>();

    const answer = async (need: Need): Promise<{ answer: PresenceAnswer; trusted: boolean }> => {
      if (need.optional && !this.#context.nonDistributable) return { answer: "unknown", trusted: false };
      if (!near && need.requests.some((i) => requests[i] && isSamePlace(requests[i].from, sink))) {
        // A repository that copies to itself has what it has.
        return { answer: "present", trusted: false };
      }
      const above = await Promise.all([...need.parents].map((parent) => answers.get(parent)));
      if (above.some((parent) => parent?.trusted)) return { answer: "present", trusted: true };
      const parentThere = above.some((parent) => parent?.answer === "present");
      if (!near && !need.top && !parentThere) {
        if (need.node.kind === "manifest" || mountable(need)) return { answer: "unknown", trusted: false };
      }
      const there = await this.ask(to, need.node);
      return { answer: there ? "present" : "absent", trusted: there && need.top && this.trusts(to) };
    };

    // Parents first, so that a child finds their answers; blobs last.
    const order = [...manifestsInOrder(needs).reverse()];
    for (const need of needs.values()) if (need.node.kind === "blob") order.push(need);
    const settled = await mapTogether(
      order,
      concurrency,
      (need) => {
        const answering = answer(need);
        answers.set(nodeKey(need.node), answering);
        return answering;
      },
      abort,
    );
    return order.map((need, i) => [need, settled[i]?.answer ?? "unknown"]);
  }
}
