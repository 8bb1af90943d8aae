import { LadingError } from "../errors.ts";
import type { Descriptor } from "../spec/descriptor.ts";
import { nodeKey } from "../spec/graph.ts";
import type { RepositoryLocation } from "../stores/store.ts";
import type { Amount, PlannedAction, PlannedDestination, PlannedNode, PlanTotals } from "./copy-plan.ts";
import { locationKey } from "./destinations.ts";
import { manifestsInOrder, type Need, type Needs } from "./need.ts";
import type { PresenceAnswer } from "./presence.ts";

interface RouteInput {
  readonly destinations: readonly PlannedDestination[];
  readonly needs: Needs;
  readonly answers: ReadonlyMap<Need, PresenceAnswer>;
  readonly sources: ReadonlyMap<Need, number | undefined>;
  readonly mountable: (need: Need) => readonly RepositoryLocation[];
}

interface Route {
  readonly action: PlannedAction;
  readonly mountFrom?: readonly RepositoryLocation[];
  readonly after?: Need;
}

/** Decides how each node gets to its destination, and lays them out in the order in which work starts. */
export function planNodes(input: RouteInput): {
  readonly nodes: readonly PlannedNode[];
  readonly indexOf: (to: number, key: string) => number;
  readonly totals: PlanTotals;
} {
  const { needs, answers, sources } = input;
  const blobs = needs.flatMap((here) => [...here.values()].filter(({ node }) => node.kind === "blob"));
  blobs.sort(biggestFirst);
  const ordered = [...blobs, ...needs.flatMap(manifestsInOrder)];
  const routes = routeBlobs(blobs, input);
  const position = new Map(ordered.map((need, i) => [need, i]));
  const indexOf = (to: number, key: string): number => {
    const need = needs[to]?.get(key);
    const index = need === undefined ? undefined : position.get(need);
    if (index === undefined) throw new RangeError(`${key} is not planned for ${to}`);
    return index;
  };
  const nodes = ordered.map((need): PlannedNode => {
    const { action, mountFrom, after } = routes.get(need) ?? {
      action: answers.get(need) === "present" ? "present" : "move",
    };
    const from = sources.get(need);
    const before = after === undefined ? undefined : position.get(after);
    return {
      kind: need.node.kind,
      descriptor: withoutAnnotations(need.node.descriptor),
      to: need.to,
      action,
      ...(from === undefined ? {} : { from }),
      request: need.requests[0] ?? 0,
      // A manifest that was not asked for is written without asking: both are one request.
      knownAbsent: action !== "present" && (need.node.kind === "manifest" || answers.get(need) === "absent"),
      children: [...need.children].map((key) => indexOf(need.to, key)),
      ...(mountFrom === undefined ? {} : { mountFrom }),
      ...(before === undefined ? {} : { after: before }),
    };
  });
  return { nodes, indexOf, totals: totalsOf(nodes) };
}

/** Bytes descending, then by digest and destination: the same plan for the same input. */
function biggestFirst(a: Need, b: Need): number {
  const bySize = b.node.descriptor.size - a.node.descriptor.size;
  if (bySize !== 0) return bySize;
  const [x, y] = [a.node.descriptor.digest, b.node.descriptor.digest];
  return x < y ? -1 : x > y ? 1 : a.to - b.to;
}

/**
 * One route for each blob: it is moved once into each registry, and mounted from there into the other repositories; a
 * repository of the registry that has it already spares even that.
 */
function routeBlobs(blobs: readonly Need[], input: RouteInput): Map<Need, Route> {
  const { destinations, answers, sources } = input;
  const routes = new Map<Need, Route>();
  const holders = new Map<string, RepositoryLocation[]>();
  const registryKey = (need: Need): string | undefined => {
    const location = destinations[need.to]?.location;
    return location === undefined ? undefined : `${location.registry} ${nodeKey(need.node)}`;
  };
  for (const need of blobs) {
    if (answers.get(need) !== "present") continue;
    routes.set(need, { action: "present" });
    const key = registryKey(need);
    const location = destinations[need.to]?.location;
    if (key !== undefined && location !== undefined)
      holders.set(key, [...(holders.get(key) ?? []), location]);
  }
  const first = new Map<string, Need>();
  for (const need of blobs) {
    if (routes.has(need)) continue;
    if (need.optional && sources.get(need) === undefined) {
      routes.set(need, { action: "absent" });
      continue;
    }
    const key = registryKey(need);
    const known = unique([...input.mountable(need), ...(key === undefined ? [] : (holders.get(key) ?? []))]);
    const mover = key === undefined ? undefined : first.get(key);
    const moverLocation = mover === undefined ? undefined : destinations[mover.to]?.location;
    if (known.length > 0) routes.set(need, { action: "mount", mountFrom: known });
    else if (mover !== undefined && moverLocation !== undefined) {
      routes.set(need, { action: "mount", mountFrom: [moverLocation], after: mover });
    } else {
      routes.set(need, { action: "move" });
      if (key !== undefined) first.set(key, need);
    }
  }
  return routes;
}

function unique(locations: readonly RepositoryLocation[]): RepositoryLocation[] {
  return [...new Map(locations.map((location) => [locationKey(location), location])).values()];
}

function withoutAnnotations({ annotations: _, ...descriptor }: Descriptor): Descriptor {
  return descriptor;
}

function totalsOf(nodes: readonly PlannedNode[]): PlanTotals {
  const of = (action?: PlannedAction): Amount => {
    const chosen = action === undefined ? nodes : nodes.filter((node) => node.action === action);
    const bytes = chosen.reduce((sum, { descriptor }) => sum + descriptor.size, 0);
    if (!Number.isSafeInteger(bytes)) {
      throw new LadingError("ERR_LADING_LIMIT", "the sizes add up to more bytes than can be counted");
    }
    return { nodes: chosen.length, bytes };
  };
  return {
    ...of(),
    move: of("move"),
    mount: of("mount"),
    present: of("present"),
    absent: of("absent"),
  };
}
