import type { Body } from "../../bytes/body.ts";
import type { Descriptor } from "../../spec/descriptor.ts";
import type { Digest } from "../../spec/digest.ts";
import { type Node, nodeKey } from "../../spec/graph.ts";
import type { CallOptions, ReferrerOptions, Source } from "../../stores/store.ts";

/**
 * An archive together with repositories that may have what was left out of it. Names and manifests come from the archive
 * alone; a repository is asked only for blobs that the archive names and does not hold.
 */
export class LayeredSource implements Source {
  readonly label: string;
  readonly #archive: Source;
  readonly #repositories: readonly Required<Pick<Source, "has" | "body">>[];
  readonly #holders = new Map<string, Promise<Pick<Source, "body"> | undefined>>();

  constructor(archive: Source, repositories: readonly Required<Pick<Source, "has" | "body">>[]) {
    this.label = archive.label;
    this.#archive = archive;
    this.#repositories = repositories;
  }

  resolve(reference: string, options?: CallOptions): Promise<Descriptor> {
    return this.#archive.resolve(reference, options);
  }

  body(node: Node): Body {
    return {
      size: node.descriptor.size,
      open: async (from) => {
        const options = from.signal === undefined ? {} : { signal: from.signal };
        const holder = (await this.#holderOf(node, options)) ?? this.#archive;
        return holder.body(node).open(from);
      },
    };
  }

  async has(node: Node, options: CallOptions = {}): Promise<boolean> {
    return (await this.#holderOf(node, options)) !== undefined;
  }

  tags(options?: CallOptions): AsyncIterable<string> {
    return this.#archive.tags(options);
  }

  referrers(subject: Digest, options?: ReferrerOptions): AsyncIterable<Descriptor> {
    return this.#archive.referrers(subject, options);
  }

  #holderOf(node: Node, options: CallOptions): Promise<Pick<Source, "body"> | undefined> {
    const key = nodeKey(node);
    const known = this.#holders.get(key);
    if (known !== undefined) return known;
    const asking = this.#findHolder(node, options);
    this.#holders.set(key, asking);
    // An answer that did not come may come the next time.
    asking.catch(() => this.#holders.delete(key));
    return asking;
  }

  async #findHolder(node: Node, options: CallOptions): Promise<Pick<Source, "body"> | undefined> {
    if ((await this.#archive.has?.(node, options)) ?? true) return this.#archive;
    if (node.kind === "manifest") return undefined;
    for (const repository of this.#repositories) if (await repository.has(node, options)) return repository;
    return undefined;
  }
}
