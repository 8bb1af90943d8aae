import { isLadingError } from "../../errors.ts";
import type { Descriptor } from "../../spec/descriptor.ts";
import type { Digest } from "../../spec/digest.ts";
import { childrenOf } from "../../spec/graph.ts";
import type { Manifest } from "../../spec/manifest.ts";
import { readManifest } from "../../stores/read.ts";
import type { RepositoryStore } from "../../stores/store.ts";

/**
 * Digests that stay: what tags lead to, with all children, and what refers to any of it. Without `untagged` every manifest
 * leads to its children, tagged or not.
 */
export async function mark(store: RepositoryStore, untagged: boolean): Promise<ReadonlySet<Digest>> {
  const all = new Map<Digest, Manifest | undefined>();
  for await (const descriptor of store.manifests()) {
    all.set(descriptor.digest, await readable(store, descriptor));
  }
  const kept = new Set<Digest>();
  const keep = (digest: Digest): void => {
    if (kept.has(digest)) return;
    kept.add(digest);
    const manifest = all.get(digest);
    if (manifest === undefined) return;
    for (const child of childrenOf(manifest)) keep(child.descriptor.digest);
  };
  if (!untagged) {
    for (const digest of all.keys()) keep(digest);
    return kept;
  }
  for await (const tag of store.tags()) keep((await store.resolve(tag)).digest);
  for (let before = -1; before !== kept.size; ) {
    before = kept.size;
    for (const [digest, manifest] of all) {
      if (manifest?.subject !== undefined && kept.has(manifest.subject.digest)) keep(digest);
    }
  }
  return kept;
}

/** A manifest that nobody here can read keeps itself, and nothing else. */
async function readable(store: RepositoryStore, descriptor: Descriptor): Promise<Manifest | undefined> {
  try {
    return await readManifest(store, descriptor);
  } catch (error) {
    if (isLadingError(error)) return undefined;
    throw error;
  }
}
