import { defaultConcurrency } from "../../copy/request.ts";
import { linkedAbort, mapTogether } from "../../copy/together.ts";
import type { Digest } from "../../spec/digest.ts";
import type { BundleNode } from "../read/model.ts";
import type { GatherOptions, ImageToCopy } from "./model.ts";

/** Asks many things at once, as many as the options allow; the first failure ends all. */
export class Gathering {
  readonly signal: AbortSignal;
  readonly #abort: (reason: unknown) => void;
  readonly #lanes: number;

  constructor({ concurrency = defaultConcurrency, signal }: Pick<GatherOptions, "concurrency" | "signal">) {
    const linked = linkedAbort(signal);
    this.signal = linked.signal;
    this.#abort = linked.abort;
    this.#lanes = 2 * concurrency;
  }

  /** The results in the order of the items. */
  all<T, R>(items: Iterable<T>, ask: (item: T) => Promise<R>): Promise<R[]> {
    return mapTogether(
      [...items],
      this.#lanes,
      async (item) => {
        this.signal.throwIfAborted();
        return await ask(item);
      },
      this.#abort,
    );
  }
}

/** The images in the order of where they are read from, each source and tag once. */
export function sortedOnce(images: readonly ImageToCopy[]): ImageToCopy[] {
  const byName = new Map<string, ImageToCopy>();
  for (const image of images) {
    const name = `${image.from} ${image.tag ?? ""}`;
    if (!byName.has(name)) byName.set(name, image);
  }
  return [...byName].sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0)).map(([, image]) => image);
}

/** Each bundle once, also when it was found in several repositories: in the destination it is one. */
export function onceEach(bundles: Iterable<BundleNode>): BundleNode[] {
  const byDigest = new Map<Digest, BundleNode>();
  for (const bundle of bundles) {
    const { digest } = bundle.reference;
    if (!byDigest.has(digest)) byDigest.set(digest, bundle);
  }
  return [...byDigest.values()];
}

/** The same repository, or the same place that is none, with another digest. */
export function besides(from: string, digest: string): string {
  return `${from.slice(0, from.lastIndexOf("@"))}@${digest}`;
}
