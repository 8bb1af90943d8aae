import type { Body } from "../../bytes/body.ts";
import type { NewImage } from "../../image/new-image.ts";
import type { Descriptor } from "../../spec/descriptor.ts";
import type { Digest } from "../../spec/digest.ts";
import type { Node } from "../../spec/graph.ts";
import type { CallOptions, ReferrerOptions, RepositoryLocation, Source, Store } from "../../stores/store.ts";
import type { ImagesLock } from "../documents/model.ts";
import { lockRepositoryName } from "../documents/names.ts";

/**
 * An image that was made, seen as if it were in its repository already. The repository itself is asked for nothing but the
 * images that the bundle's lock names there.
 */
export class UnpushedImage implements Source {
  readonly label: string;
  readonly location: RepositoryLocation;
  readonly #image: NewImage;
  readonly #repository: Store;
  readonly #beside: ReadonlySet<string>;

  constructor(
    image: NewImage,
    repository: Store,
    location: RepositoryLocation,
    lock: ImagesLock | undefined,
  ) {
    this.label = image.label;
    this.location = location;
    this.#image = image;
    this.#repository = repository;
    const own = lockRepositoryName(location);
    const references = (lock?.images ?? []).map(({ reference }) => reference);
    const beside = references.filter((reference) => lockRepositoryName(reference) === own);
    this.#beside = new Set(beside.map(({ digest }) => digest));
  }

  resolve(reference: string, options?: CallOptions): Promise<Descriptor> {
    const holder = this.#beside.has(reference) ? this.#repository : this.#image;
    return holder.resolve(reference, options);
  }

  body(node: Node): Body {
    return {
      size: node.descriptor.size,
      open: async (from) => {
        const holder = (await this.#image.has(node)) ? this.#image : this.#repository;
        return holder.body(node).open(from);
      },
    };
  }

  tags(): AsyncIterable<string> {
    return this.#image.tags();
  }

  referrers(subject: Digest, options?: ReferrerOptions): AsyncIterable<Descriptor> {
    return this.#image.referrers(subject, options);
  }
}
