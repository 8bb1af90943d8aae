import type { Source } from "../../src/stores/store.ts";

export interface Counted extends Source {
  /** What was asked, in order: `resolve <reference>`, `open <digest>`, `has <digest>`. */
  readonly asked: string[];
  /** The most that was asked at the same time. */
  readonly most: number;
}

/** A source that answers a moment later, and counts how much is asked of it. */
export function counted(source: Source): Counted {
  const asked: string[] = [];
  let now = 0;
  let most = 0;
  const during = async <T>(what: string, task: () => Promise<T>): Promise<T> => {
    asked.push(what);
    most = Math.max(most, ++now);
    try {
      await new Promise((resolve) => setImmediate(resolve));
      return await task();
    } finally {
      now--;
    }
  };
  return {
    label: source.label,
    asked,
    get most() {
      return most;
    },
    resolve: (reference, options) => during(`resolve ${reference}`, () => source.resolve(reference, options)),
    body: (node) => {
      const body = source.body(node);
      return {
        size: body.size,
        open: (from) => during(`open ${node.descriptor.digest}`, () => body.open(from)),
      };
    },
    has: (node, options) =>
      during(`has ${node.descriptor.digest}`, async () => (await source.has?.(node, options)) ?? true),
    tags: (options) => source.tags(options),
    referrers: (subject, options) => source.referrers(subject, options),
  };
}
