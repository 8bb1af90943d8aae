import { type Body, bodyOf } from "../bytes/body.ts";
import type { Descriptor } from "../spec/descriptor.ts";
import type { Digest } from "../spec/digest.ts";
import { type Node, nodeKey } from "../spec/graph.ts";
import { MemoryStore } from "../stores/memory.ts";
import type { CallOptions, Source } from "../stores/store.ts";
import type { ImageDocuments } from "./document.ts";

/** An image that was just made, as a source to copy from: documents in memory, layers wherever they lie. */
export class NewImage implements Source {
  readonly label: string;
  /** Of the manifest. */
  readonly root: Descriptor;
  readonly #layers: ReadonlyMap<string, Body>;
  readonly #documents: MemoryStore;

  private constructor(label: string, root: Descriptor, layers: ReadonlyMap<string, Body>) {
    this.label = label;
    this.root = root;
    this.#layers = layers;
    this.#documents = new MemoryStore(label);
  }

  /** @param label for people, such as the name of the folder that it was made from */
  static async of(
    label: string,
    { config, manifest }: ImageDocuments,
    layers: readonly { readonly descriptor: Descriptor; readonly body: Body }[],
  ): Promise<NewImage> {
    const bodies = new Map(
      layers.map(({ descriptor, body }) => [nodeKey({ kind: "blob", descriptor }), body]),
    );
    const image = new NewImage(label, manifest.descriptor, bodies);
    await image.#documents.write({ kind: "blob", descriptor: config.descriptor }, bodyOf(config.bytes));
    await image.#documents.write(
      { kind: "manifest", descriptor: manifest.descriptor },
      bodyOf(manifest.bytes),
    );
    return image;
  }

  resolve(reference: string, options?: CallOptions): Promise<Descriptor> {
    return this.#documents.resolve(reference, options);
  }

  body(node: Node): Body {
    return this.#layers.get(nodeKey(node)) ?? this.#documents.body(node);
  }

  async has(node: Node, options?: CallOptions): Promise<boolean> {
    return this.#layers.has(nodeKey(node)) || (await this.#documents.has(node, options));
  }

  tags(): AsyncIterable<string> {
    return this.#documents.tags();
  }

  referrers(subject: Digest, options?: CallOptions): AsyncIterable<Descriptor> {
    return this.#documents.referrers(subject, options);
  }
}
