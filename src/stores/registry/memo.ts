import type { Descriptor } from "../../spec/descriptor.ts";
import type { Digest } from "../../spec/digest.ts";
import { type Node, nodeKey } from "../../spec/graph.ts";

export interface KnownManifest {
  readonly descriptor: Descriptor;
  readonly bytes: Uint8Array;
}

/** What this run has learned about one repository, so that nothing is asked twice. */
export interface Memo {
  /** true: it is there; false: it was not there a moment ago; undefined: not known. */
  presence(node: Node): boolean | undefined;
  learn(node: Node, present: boolean | undefined): void;
  manifest(digest: Digest): KnownManifest | undefined;
  keep(manifest: KnownManifest): void;
  forget(digest: Digest): void;
  /** A name was given along with a manifest. */
  named(name: string, digest: Digest): void;
  /** Whether the name was just given along with this manifest; asked again it says no. */
  takeNamed(name: string, digest: Digest): boolean;
}

/** Bytes of manifests kept per repository; the oldest go first. */
const mostBytes = 16 * 1024 * 1024;

export function createMemo(): Memo {
  const presence = new Map<string, boolean>();
  const manifests = new Map<Digest, KnownManifest>();
  const names = new Map<string, Digest>();
  let total = 0;
  const forget = (digest: Digest): void => {
    total -= manifests.get(digest)?.bytes.byteLength ?? 0;
    manifests.delete(digest);
  };
  return {
    presence: (node) => presence.get(nodeKey(node)),
    learn: (node, present) => {
      if (present === undefined) presence.delete(nodeKey(node));
      else presence.set(nodeKey(node), present);
    },
    manifest: (digest) => manifests.get(digest),
    forget,
    named: (name, digest) => void names.set(name, digest),
    takeNamed: (name, digest) => names.get(name) === digest && names.delete(name),
    keep: (manifest) => {
      forget(manifest.descriptor.digest);
      manifests.set(manifest.descriptor.digest, manifest);
      total += manifest.bytes.byteLength;
      for (const digest of manifests.keys()) {
        if (total <= mostBytes) break;
        forget(digest);
      }
    },
  };
}
