import { type Node, nodeKey } from "../spec/graph.ts";
import type { Source } from "../stores/store.ts";
import type { Gate } from "./together.ts";

/** What sources have. Registries are taken to be complete; disks and archives are asked, which is cheap there. */
export class Availability {
  readonly #gate: Gate;
  readonly #signal: AbortSignal;
  readonly #asked = new Map<Source, Map<string, Promise<boolean>>>();

  constructor(gate: Gate, signal: AbortSignal) {
    this.#gate = gate;
    this.#signal = signal;
  }

  /** @param doubtful ask a registry as well, as for foreign layers, which are often not pushed */
  has(source: Source, node: Node, doubtful: boolean): Promise<boolean> {
    if (source.has === undefined || (source.location !== undefined && !doubtful))
      return Promise.resolve(true);
    // What a registry does not have is read from where its descriptor points.
    if (source.location !== undefined && (node.descriptor.urls ?? []).length > 0)
      return Promise.resolve(true);
    let answers = this.#asked.get(source);
    if (answers === undefined) {
      answers = new Map();
      this.#asked.set(source, answers);
    }
    let answer = answers.get(nodeKey(node));
    if (answer === undefined) {
      answer = this.#gate(async () => (await source.has?.(node, { signal: this.#signal })) ?? true);
      answers.set(nodeKey(node), answer);
    }
    return answer;
  }
}

/** Whether a source that says it has not this node gives bytes for it all the same: of the wrong size, then. */
export async function isDamaged(source: Source, node: Node, signal: AbortSignal): Promise<boolean> {
  try {
    for await (const chunk of await source.body(node).open({ offset: 0, signal })) {
      if (chunk.byteLength > 0) return true;
    }
    // An empty file in place of content; what is not there at all does not open.
    return node.descriptor.size > 0;
  } catch {
    signal.throwIfAborted();
    return false;
  }
}
