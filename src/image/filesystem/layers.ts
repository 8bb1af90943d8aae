import { HeldOpen } from "../../bytes/held-open.ts";
import type { ByteStream } from "../../bytes/stream.ts";
import { verify } from "../../bytes/verify.ts";
import { isLadingError, LadingError } from "../../errors.ts";
import { decompress } from "../../formats/compression.ts";
import type { TarItem } from "../../formats/tar/entry.ts";
import { readTar } from "../../formats/tar/read.ts";
import type { Descriptor } from "../../spec/descriptor.ts";
import type { ImageManifest } from "../../spec/manifest.ts";
import { nodeBody } from "../../stores/read.ts";
import type { CallOptions, Source } from "../../stores/store.ts";
import { applyGraft, type Found, type Graft, lookup } from "./lookup.ts";
import { closeLink, LayerTreeBuilder, mergeBelow, type OpenLink, TreeNode } from "./tree.ts";

export interface FilesystemLimits {
  /** Paths in all layers together. Default 1,000,000. */
  readonly maxEntries?: number;
  /** Bytes of one layer when it is decompressed. Default 64 GiB. */
  readonly maxLayerBytes?: number;
}

const defaultMaxEntries = 1_000_000;
const defaultMaxLayerBytes = 64 * 1024 ** 3;

/** The merged tree over an image's layers. Layers are read from the top, and only as many as a question needs. */
export class LayeredTree {
  readonly root = new TreeNode();
  readonly #source: Source;
  readonly #layers: readonly Descriptor[];
  readonly #maxEntries: number;
  readonly #maxLayerBytes: number;
  /** Layers that are not read yet: those below this index. */
  #unread: number;
  #entries = 0;
  #openLinks: readonly OpenLink[] = [];
  readonly #grafts: Graft[] = [];
  #turn: Promise<unknown> = Promise.resolve();

  constructor(source: Source, manifest: ImageManifest, limits: FilesystemLimits) {
    this.#source = source;
    this.#layers = manifest.layers;
    this.#unread = manifest.layers.length;
    this.#maxEntries = limits.maxEntries ?? defaultMaxEntries;
    this.#maxLayerBytes = limits.maxLayerBytes ?? defaultMaxLayerBytes;
  }

  get #complete(): boolean {
    return this.#unread === 0;
  }

  descriptorOf(layer: number): Descriptor {
    const descriptor = this.#layers[layer];
    if (descriptor === undefined) throw new RangeError(`there is no layer ${layer}`);
    return descriptor;
  }

  /** What is at a path; reads as many layers as it takes to know. */
  async find(
    path: string,
    followLast: boolean,
    options: CallOptions,
  ): Promise<Found | "absent" | "too many links"> {
    const parts = path.split("/");
    for (;;) {
      const complete = this.#complete;
      // What was written through a link has its place only when all layers are known.
      const found =
        this.#grafts.length > 0 ? "undecided" : lookup(this.root, parts, { followLast, complete });
      if (found !== "undecided") return found;
      await this.#readNext(options);
    }
  }

  /** Reads the next layer below, if there is one. Calls at the same time take turns. */
  #readNext(options: CallOptions): Promise<void> {
    const run = async (): Promise<void> => {
      if (this.#unread === 0) return;
      await this.#merge(this.#unread - 1, options);
      this.#unread--;
      if (!this.#complete) return;
      // From the top: lower links are grafted last, so they are still links for those above.
      for (const graft of this.#grafts.splice(0)) applyGraft(this.root, graft);
    };
    const turn = this.#turn.then(run, run);
    this.#turn = turn;
    return turn;
  }

  async readAll(options: CallOptions): Promise<void> {
    while (!this.#complete) await this.#readNext(options);
  }

  async #merge(layer: number, options: CallOptions): Promise<void> {
    let entries = this.#entries;
    const builder = new LayerTreeBuilder(layer, () => {
      if (++entries <= this.#maxEntries) return;
      throw new LadingError("ERR_LADING_LIMIT", `the image has more than ${this.#maxEntries} paths`);
    });
    for await (const item of this.items(layer, options)) builder.add(item);
    const tree = builder.finish();
    this.#entries = entries;
    const still = this.#openLinks.filter((link) => !closeLink(link, tree.root));
    this.#openLinks = [...still, ...tree.openLinks];
    mergeBelow(this.root, tree.root, (link, parts, upper) => this.#grafts.push({ link, parts, upper }));
  }

  /** The entries of a layer; the layer is verified when the last was asked for. */
  async *items(layer: number, options: CallOptions): AsyncGenerator<TarItem> {
    const descriptor = this.descriptorOf(layer);
    const what = `layer ${descriptor.digest}`;
    const stored = new HeldOpen(await this.#open(descriptor, options));
    try {
      const tar = decompress(stored, { what, maxBytes: this.#maxLayerBytes });
      yield* readTar(tar, { what, maxEntries: this.#maxEntries, ...options });
      await stored.drain();
    } catch (error) {
      // Bytes that were changed on their way look like a damaged archive first. The digest tells which it is.
      if (isLadingError(error) && error.code === "ERR_LADING_ARCHIVE") await stored.drain();
      throw error;
    } finally {
      await stored.close();
    }
  }

  async #open(descriptor: Descriptor, options: CallOptions): Promise<ByteStream> {
    const body = nodeBody(this.#source, { kind: "blob", descriptor });
    return verify(await body.open({ offset: 0, ...options }), descriptor, this.#source.label);
  }
}
