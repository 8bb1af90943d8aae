import type { Descriptor } from "../../spec/descriptor.ts";
import type { Digest } from "../../spec/digest.ts";
import type { Source } from "../../stores/store.ts";

/** An image or index that goes into a tar, with what is noted beside it. */
export interface TarImage {
  readonly source: Source;
  readonly root: Descriptor;
  /** Where it was found: references by digest, such as `registry.example/app@sha256:…`. */
  readonly refs: readonly string[];
  /** The tag that it gets where the tar is imported; empty for none. */
  readonly tag: string;
  /** The reference in the bundle's lock; empty where there is none. */
  readonly origRef: string;
  readonly labels: Readonly<Record<string, string>> | undefined;
  /** Of an index, the manifests below it that go along; all when left out. */
  readonly manifests?: ReadonlySet<Digest>;
}

/** Layers of one image that need not be distributed. */
export interface NonDistributableLayers {
  /** Reference by digest. */
  readonly image: string;
  readonly layers: readonly Digest[];
}
