import { execFileSync } from "node:child_process";
import type { TarImage } from "../../../src/bundle/tar/image.ts";
import type { Body } from "../../../src/bytes/body.ts";
import type { Digest } from "../../../src/spec/digest.ts";
import { MemoryStore } from "../../../src/stores/memory.ts";
import type { Source } from "../../../src/stores/store.ts";
import { type Content, writeContent } from "../../support/content.ts";

/** Memory that holds these contents. */
export async function storeOf(...contents: readonly Content[]): Promise<MemoryStore> {
  const store = new MemoryStore("memory of the test");
  for (const content of contents) await writeContent(store, content);
  return store;
}

/** The content's root as an image of a tar. */
export function tarImage(source: Source, { root }: Content, options: Partial<TarImage> = {}): TarImage {
  return {
    source,
    root,
    refs: [`registry.example/app@${root.digest}`],
    tag: "",
    origRef: "",
    labels: undefined,
    ...options,
  };
}

/** A source through which each opening of a body goes. */
export function tapped(source: Source, tap: (body: Body, digest: Digest, offset: number) => Body): Source {
  return {
    label: source.label,
    resolve: (...args) => source.resolve(...args),
    tags: (...args) => source.tags(...args),
    referrers: (...args) => source.referrers(...args),
    body: (node) => {
      const body = source.body(node);
      return {
        size: body.size,
        open: (from) => tap(body, node.descriptor.digest, from.offset).open(from),
      };
    },
  };
}

/** A source that notes what was read from it: each time a digest, and from where. */
export function noted(source: Source): {
  readonly source: Source;
  readonly reads: { readonly digest: Digest; readonly offset: number }[];
} {
  const reads: { readonly digest: Digest; readonly offset: number }[] = [];
  const from = tapped(source, (body, digest, offset) => {
    reads.push({ digest, offset });
    return body;
  });
  return { source: from, reads };
}

/** What GNU tar lists: the names of the entries in their order. */
export function namesIn(path: string): string[] {
  return execFileSync("tar", ["-tf", path]).toString().split("\n").slice(0, -1);
}

/** The layers of a content: its blobs but for the configs. */
export function layersOf(content: Content): readonly { readonly digest: Digest; readonly bytes: Buffer }[] {
  const manifests = content.nodes.filter(({ kind }) => kind === "manifest");
  const layers = new Set<string>();
  for (const { bytes } of manifests) {
    const { layers: listed = [] } = JSON.parse(bytes.toString()) as { layers?: { digest: string }[] };
    for (const { digest } of listed) layers.add(digest);
  }
  return content.nodes
    .filter(({ descriptor }) => layers.has(descriptor.digest))
    .map(({ descriptor, bytes }) => ({ digest: descriptor.digest, bytes }));
}

export function nameOf(digest: Digest): string {
  return `${digest.replace(":", "-")}.tar.gz`;
}
