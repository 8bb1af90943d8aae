import { verifyBytes } from "../bytes/verify.ts";
import type { Descriptor } from "../spec/descriptor.ts";
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

/** The bytes that a descriptor carries in `data`, when they are what it says. */
export function embeddedBytes(descriptor: Descriptor): Uint8Array | undefined {
  if (descriptor.data === undefined) return undefined;
  try {
    return verifyBytes(Buffer.from(descriptor.data, "base64"), descriptor);
  } catch {
    // Wrong data is no reason to fail: the content itself may be right.
    return undefined;
  }
}
