import { verify } from "../../bytes/verify.ts";
import { allSettled, type Gate } from "../../copy/together.ts";
import type { EventListener } from "../../events.ts";
import type { Descriptor } from "../../spec/descriptor.ts";
import { type Child, childrenOf, type Node, nodeKey } from "../../spec/graph.ts";
import { limits } from "../../spec/limits.ts";
import { readManifest } from "../../stores/read.ts";
import type { Source } from "../../stores/store.ts";
import { problemOf } from "./fault.ts";
import type { VerifyProblem } from "./model.ts";

export interface ContentCheckerOptions {
  /** Every request waits here for its turn. */
  readonly gate: Gate;
  readonly signal: AbortSignal;
  /** Ends everything else when something unforeseen happens. */
  readonly abort: (reason: unknown) => void;
  /** Read every blob and hash it, instead of asking whether it is there with the right size. */
  readonly bytes: boolean;
  /** `planned` for each blob that will be read, then `started`, `progress` and `finished` of it. */
  readonly on: EventListener;
}

interface Looked {
  readonly problem?: VerifyProblem;
  readonly children: readonly Child[];
}

/** Looks whether images are whole. What several images share is looked at once in each repository. */
export class ContentChecker {
  readonly #options: ContentCheckerOptions;
  readonly #looked = new Map<Source, Map<string, Promise<Looked>>>();
  #checked = 0;
  #bytes = 0;

  constructor(options: ContentCheckerOptions) {
    this.#options = options;
  }

  /** Manifests and blobs looked at so far. */
  get checked(): number {
    return this.#checked;
  }

  /** Bytes of blobs hashed so far. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Everything that is not as it should be in this image, whatever an index lists included. */
  async check(source: Source, root: Descriptor): Promise<readonly VerifyProblem[]> {
    const seen = new Set<string>();
    const problems: VerifyProblem[] = [];
    let level: readonly Node[] = [{ kind: "manifest", descriptor: root }];
    for (let depth = 0; level.length > 0; depth++) {
      if (depth > limits.graphDepth || seen.size > limits.graphNodes) {
        const message = `it is deeper than ${limits.graphDepth} levels, or has more than ${limits.graphNodes} parts`;
        return [...problems, { state: "failed", digest: root.digest, message }];
      }
      const fresh = level.filter((node) => !seen.has(nodeKey(node)));
      for (const node of fresh) seen.add(nodeKey(node));
      const looked = await allSettled(
        fresh.map((node) => this.#look(source, node)),
        this.#options.abort,
      );
      for (const { problem } of looked) if (problem !== undefined) problems.push(problem);
      level = looked.flatMap(({ children }) => children);
    }
    return problems;
  }

  #look(source: Source, node: Node & Partial<Child>): Promise<Looked> {
    const here = this.#looked.get(source) ?? new Map<string, Promise<Looked>>();
    this.#looked.set(source, here);
    // Two parents may disagree about the size.
    const key = `${nodeKey(node)} ${node.descriptor.size} ${node.optional === true}`;
    const known = here.get(key);
    if (known !== undefined) return known;
    if (this.#options.bytes && node.kind === "blob") {
      this.#options.on({ type: "planned", nodes: 1, bytes: node.descriptor.size, presentBytes: 0 });
    }
    const looking = this.#options.gate(() => this.#lookNow(source, node));
    here.set(key, looking);
    return looking;
  }

  async #lookNow(source: Source, node: Node & Partial<Child>): Promise<Looked> {
    const { signal } = this.#options;
    signal.throwIfAborted();
    this.#checked++;
    try {
      if (node.kind === "manifest") {
        return { children: childrenOf(await readManifest(source, node.descriptor, { signal })) };
      }
      await this.#checkBlob(source, node);
      return { children: [] };
    } catch (error) {
      signal.throwIfAborted();
      const problem = problemOf(error, node.descriptor.digest);
      // A foreign layer may live only at its URLs.
      if (node.optional === true && problem.state === "missing") return { children: [] };
      return { problem, children: [] };
    }
  }

  async #checkBlob(source: Source, node: Node): Promise<void> {
    const { bytes, signal, on } = this.#options;
    // A store that says no may mean that it does not let us ask: its bytes, or why there are none, tell.
    if (!bytes && (await source.has?.(node, { signal })) === true) return;
    const { descriptor } = node;
    const reading = { descriptor, to: source.label };
    const stream = await source.body(node).open({ offset: 0, signal });
    on({ type: "started", ...reading, offset: 0 });
    for await (const chunk of verify(stream, descriptor, source.label)) {
      this.#bytes += chunk.byteLength;
      on({ type: "progress", ...reading, bytes: chunk.byteLength });
    }
    on({ type: "finished", ...reading, how: "written" });
  }
}
