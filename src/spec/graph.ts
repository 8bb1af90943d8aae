import type { Descriptor } from "./descriptor.ts";
import type { Manifest } from "./manifest.ts";
import { isNonDistributable } from "./media-type.ts";

/** What a child is to its parent. */
export type Role = "config" | "layer" | "manifest" | "blob";

/**
 * One node of the content graph. `kind` comes from the edge that led here, never from the media type: what an index
 * lists is a manifest, what a manifest lists is a blob, whatever they call themselves.
 */
export interface Node {
  readonly kind: "manifest" | "blob";
  readonly descriptor: Descriptor;
}

export interface Child extends Node {
  readonly role: Role;
  /** A layer that need not be anywhere but at its `urls`. */
  readonly optional: boolean;
}

/** The direct children of a manifest, in document order. The subject is not a child: it may be missing. */
export function childrenOf(manifest: Manifest): readonly Child[] {
  switch (manifest.kind) {
    case "index":
      return manifest.manifests.map((descriptor) => child("manifest", "manifest", descriptor));
    case "image":
      return [
        child("blob", "config", manifest.config),
        ...manifest.layers.map((descriptor) => child("blob", "layer", descriptor)),
      ];
    case "artifact":
      return manifest.blobs.map((descriptor) => child("blob", "blob", descriptor));
  }
}

function child(kind: Node["kind"], role: Role, descriptor: Descriptor): Child {
  return { kind, role, descriptor, optional: role === "layer" && isNonDistributable(descriptor.mediaType) };
}

/** A key that is the same for the same node: a digest may appear both as a manifest and as a blob. */
export function nodeKey(node: Node): string {
  return `${node.kind} ${node.descriptor.digest}`;
}
