import type { Node } from "../spec/graph.ts";
import type { RepositoryLocation } from "../stores/store.ts";
import { locationKey } from "./destinations.ts";
import type { CopyRequest } from "./request.ts";
import { checkSame, type Graph, type GraphNode } from "./walk.ts";

/** One node that one destination has to have in the end, whichever requests want it there. */
export interface Need {
  readonly node: Node;
  readonly to: number;
  readonly role: GraphNode["role"];
  /** Every edge allows its absence. */
  optional: boolean;
  /** Keys of children, at the same destination. */
  readonly children: Set<string>;
  /** Keys of the manifests that list it, at the same destination. */
  readonly parents: Set<string>;
  /** Requests that want it here, in order. */
  readonly requests: number[];
  /** A root or referrer of some request. */
  top: boolean;
}

/** The needs of each destination, by `nodeKey`, in the order in which they were found. */
export type Needs = readonly ReadonlyMap<string, Need>[];

/** Lays the graphs of all requests over each other, per destination. */
export function collectNeeds(
  graphs: readonly (Graph | undefined)[],
  toOf: readonly number[],
  count: number,
): Needs {
  const needs: Map<string, Need>[] = Array.from({ length: count }, () => new Map());
  for (const [request, graph] of graphs.entries()) {
    if (graph === undefined) continue;
    const to = toOf[request] ?? 0;
    const here = needs[to] ?? new Map<string, Need>();
    const tops = new Set(graph.tops);
    for (const [key, { node, role, optional, children }] of graph.nodes) {
      let need = here.get(key);
      if (need === undefined) {
        need = {
          node,
          to,
          role,
          optional,
          children: new Set(),
          parents: new Set(),
          requests: [],
          top: false,
        };
        here.set(key, need);
      } else checkSame(need.node, node);
      need.optional &&= optional;
      need.top ||= tops.has(key);
      need.requests.push(request);
      for (const child of children) need.children.add(child);
    }
    for (const [key, { children }] of graph.nodes) {
      for (const child of children) here.get(child)?.parents.add(key);
    }
  }
  return needs;
}

/** Manifests of one destination, each after its children. */
export function manifestsInOrder(needs: ReadonlyMap<string, Need>): Need[] {
  const waiting = new Map<string, number>();
  const ready: string[] = [];
  for (const [key, need] of needs) {
    if (need.node.kind !== "manifest") continue;
    const count = [...need.children].filter((child) => needs.get(child)?.node.kind === "manifest").length;
    waiting.set(key, count);
    if (count === 0) ready.push(key);
  }
  const ordered: Need[] = [];
  // `ready` grows while it is walked.
  for (const key of ready) {
    const need = needs.get(key);
    if (need === undefined) continue;
    ordered.push(need);
    for (const parent of need.parents) {
      const left = (waiting.get(parent) ?? 0) - 1;
      waiting.set(parent, left);
      if (left === 0) ready.push(parent);
    }
  }
  return ordered;
}

/** Repositories in the destination's registry, other than itself, that a request says have its graph. */
export function mountCandidates(
  requests: readonly CopyRequest[],
  wanting: readonly number[],
  to: RepositoryLocation | undefined,
): RepositoryLocation[] {
  if (to === undefined) return [];
  const found = new Map<string, RepositoryLocation>();
  for (const index of wanting) {
    const request = requests[index];
    if (request === undefined) continue;
    const { from, mountFrom = [] } = request;
    for (const location of from.location === undefined ? mountFrom : [from.location, ...mountFrom]) {
      if (location.registry === to.registry && location.repository !== to.repository) {
        found.set(locationKey(location), { registry: location.registry, repository: location.repository });
      }
    }
  }
  return [...found.values()];
}
