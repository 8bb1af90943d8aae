import { LadingError } from "../errors.ts";
import type { EventListener } from "../events.ts";
import type { Descriptor } from "../spec/descriptor.ts";
import type { Digest } from "../spec/digest.ts";
import { type Node, nodeKey, type Role } from "../spec/graph.ts";
import { limits } from "../spec/limits.ts";
import type { ManifestReader } from "./manifest-reader.ts";
import type { CopyRequest } from "./request.ts";
import { allSettled, type Gate } from "./together.ts";

/** The part of a source that one request copies. Nodes are found by `nodeKey`. */
export interface Graph {
  readonly root: Descriptor;
  /** The root, then the referrers. */
  readonly tops: readonly string[];
  readonly nodes: ReadonlyMap<string, GraphNode>;
  readonly leftOut: number;
}

export interface GraphNode {
  readonly node: Node;
  readonly role: Role | "root" | "referrer";
  readonly children: ReadonlySet<string>;
  /** The manifest that needs it first, for messages. */
  readonly parent: string | undefined;
  /** Whether every edge that leads here allows its absence. */
  readonly optional: boolean;
  /** A manifest that the source does not have: its children are not known. */
  readonly absent: boolean;
}

/** Edges of one graph: keeps a hostile index of repeated entries from filling the memory. */
const maxEdges = 10 * limits.graphNodes;

export interface WalkContext {
  readonly reader: ManifestReader;
  readonly gate: Gate;
  readonly signal: AbortSignal;
  /** Told of the first failure of a walk. */
  readonly abort: (reason: unknown) => void;
  readonly on: EventListener;
}

interface Draft {
  readonly node: Node;
  readonly role: GraphNode["role"];
  readonly children: Set<string>;
  readonly parent: string | undefined;
  optional: boolean;
  absent: boolean;
  /** Some manifest of the graph lists it. */
  listed: boolean;
}

interface Item {
  readonly key: string;
  readonly descriptor: Descriptor;
  /** Set for referrers: what the manifest has to name as its subject. */
  readonly refersTo?: Digest;
}

/**
 * Reads the manifests below a root, level by level: each once, with limits on depth, nodes and edges.
 * @param kept manifests that are followed; undefined follows all
 * @throws LadingError ERR_LADING_LIMIT, ERR_LADING_DOCUMENT and what reading a manifest throws
 */
export async function walk(
  request: Pick<CopyRequest, "from" | "referrers">,
  root: Descriptor,
  context: WalkContext,
  kept?: ReadonlySet<Digest>,
): Promise<Omit<Graph, "leftOut">> {
  const nodes = new Map<string, Draft>();
  const tops: string[] = [];
  let edges = 0;

  const add = (node: Node, role: Draft["role"], parent: string | undefined, optional: boolean): string => {
    const key = nodeKey(node);
    const known = nodes.get(key);
    if (known === undefined) {
      if (nodes.size >= limits.graphNodes) throw tooLarge(root, `more than ${limits.graphNodes} nodes`);
      const listed = parent !== undefined;
      nodes.set(key, { node, role, parent, optional, children: new Set(), absent: false, listed });
    } else {
      checkSame(known.node, node);
      known.optional &&= optional;
      known.listed ||= parent !== undefined;
    }
    return key;
  };

  const rootKey = add({ kind: "manifest", descriptor: root }, "root", undefined, false);
  tops.push(rootKey);
  let level: Item[] = [{ key: rootKey, descriptor: root }];
  for (let depth = 0; level.length > 0; depth++) {
    if (depth > limits.graphDepth) throw tooLarge(root, `deeper than ${limits.graphDepth} levels`);
    const [read, listed] = await Promise.all([
      allSettled(
        level.map(({ descriptor }) => context.reader.read(request.from, descriptor)),
        context.abort,
      ),
      allSettled(
        level.map(({ descriptor }) => listReferrers(request, descriptor.digest, context)),
        context.abort,
      ),
    ]);
    const next: Item[] = [];
    for (const [i, { key, descriptor, refersTo }] of level.entries()) {
      const manifest = read[i];
      const draft = nodes.get(key);
      if (draft === undefined) continue;
      if (refersTo !== undefined && manifest?.subject !== refersTo) {
        // A stale entry in a fallback tag, or a registry that makes it up: nothing that belongs to this graph.
        tops.splice(tops.indexOf(key), 1);
        context.on({
          type: "warning",
          message: `${descriptor.digest} is listed at ${request.from.label} as referring to ${refersTo}, but ${
            manifest === undefined ? "is not there" : "does not"
          }; it is left out`,
        });
        if (!draft.listed) {
          nodes.delete(key);
          continue;
        }
      }
      if (manifest === undefined) draft.absent = true;
      for (const child of manifest?.children ?? []) {
        if (child.kind === "manifest" && kept !== undefined && refersTo === undefined) {
          if (!kept.has(child.descriptor.digest) && kept.has(descriptor.digest)) continue;
        }
        if (++edges > maxEdges) throw tooLarge(root, `more than ${maxEdges} edges`);
        const seen = nodes.has(nodeKey(child));
        const childKey = add(child, child.role, key, child.optional);
        draft.children.add(childKey);
        if (!seen && child.kind === "manifest") next.push({ key: childKey, descriptor: child.descriptor });
      }
      for (const referrer of listed[i] ?? []) {
        const node: Node = { kind: "manifest", descriptor: referrer };
        if (nodes.has(nodeKey(node))) continue;
        const referrerKey = add(node, "referrer", undefined, false);
        tops.push(referrerKey);
        next.push({ key: referrerKey, descriptor: referrer, refersTo: descriptor.digest });
      }
    }
    level = next;
  }
  return { root, tops, nodes };
}

async function listReferrers(
  { from, referrers: wanted = false }: Pick<CopyRequest, "from" | "referrers">,
  subject: Digest,
  { gate, signal }: WalkContext,
): Promise<readonly Descriptor[]> {
  if (wanted === false) return [];
  return gate(async () => {
    const found: Descriptor[] = [];
    for await (const descriptor of from.referrers(subject, { signal })) {
      if (wanted !== true && !wanted.includes(descriptor.artifactType ?? "")) continue;
      found.push(descriptor);
      if (found.length > limits.graphNodes) {
        throw new LadingError("ERR_LADING_LIMIT", `${subject} has more than ${limits.graphNodes} referrers`, {
          place: from.label,
        });
      }
    }
    return found;
  });
}

/** Two edges to one digest have to agree on what cannot differ, or one of them is a lie. */
export function checkSame(a: Node, b: Node): void {
  if (a.descriptor.size !== b.descriptor.size) {
    throw new LadingError(
      "ERR_LADING_DOCUMENT",
      `${a.descriptor.digest} is listed with ${a.descriptor.size} bytes and with ${b.descriptor.size} bytes`,
    );
  }
  if (a.kind === "manifest" && a.descriptor.mediaType !== b.descriptor.mediaType) {
    throw new LadingError(
      "ERR_LADING_DOCUMENT",
      `${a.descriptor.digest} is listed as ${a.descriptor.mediaType} and as ${b.descriptor.mediaType}`,
    );
  }
}

function tooLarge(root: Descriptor, why: string): LadingError {
  return new LadingError("ERR_LADING_LIMIT", `the graph below ${root.digest} has ${why}`);
}
