import type { RepositoryLocation, Sink, Source } from "../stores/store.ts";
import type { PlannedDestination } from "./copy-plan.ts";
import type { CopyRequest } from "./request.ts";

/** The places that requests write to, each once: two stores of one repository are one place. */
export interface Destinations {
  readonly list: readonly PlannedDestination[];
  /** Index into `list` for each request. */
  readonly ofRequest: readonly number[];
}

export function collectDestinations(requests: readonly CopyRequest[]): Destinations {
  const list: PlannedDestination[] = [];
  const known = new Map<unknown, number>();
  const ofRequest = requests.map(({ to }, request) => {
    const identity = to.location === undefined ? to : locationKey(to.location);
    const before = known.get(identity);
    if (before !== undefined) return before;
    known.set(identity, list.length);
    const location = to.location === undefined ? {} : { location: to.location };
    return list.push({ label: to.label, request, ...location }) - 1;
  });
  return { list, ofRequest };
}

export function locationKey({ registry, repository }: RepositoryLocation): string {
  return `${registry}/${repository}`;
}

/** Whether both are one store, so that everything that is in one is in the other. */
export function isSamePlace(from: Source, to: Sink): boolean {
  if (from.location !== undefined && to.location !== undefined) {
    return locationKey(from.location) === locationKey(to.location);
  }
  return (from as unknown) === (to as unknown);
}
