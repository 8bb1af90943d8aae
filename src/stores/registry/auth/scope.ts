/** A token's rights: `repository:<name>:<action>,…` (distribution, "Token Scope"). */
export function repositoryScope(repository: string, actions: readonly string[]): string {
  return `repository:${repository}:${actions.join(",")}`;
}

/** `repository:name` and its actions; a name may hold colons, so the first and the last one count. */
function split(scope: string): { resource: string; actions: readonly string[] } {
  const last = scope.lastIndexOf(":");
  return last <= scope.indexOf(":")
    ? { resource: scope, actions: [] }
    : {
        resource: scope.slice(0, last),
        actions: scope
          .slice(last + 1)
          .split(",")
          .filter((action) => action !== ""),
      };
}

/** One scope per resource with all actions asked for, in the order of first mention: some servers honour only the first. */
export function unionScopes(...lists: readonly (readonly string[])[]): readonly string[] {
  const merged = new Map<string, Set<string>>();
  for (const scope of lists.flat()) {
    if (scope === "") continue;
    const { resource, actions } = split(scope);
    const known = merged.get(resource);
    if (known === undefined) merged.set(resource, new Set(actions));
    else for (const action of actions) known.add(action);
  }
  return [...merged].map(([resource, actions]) =>
    actions.size === 0 ? resource : `${resource}:${[...actions].join(",")}`,
  );
}

/** Whether a token with the scopes `granted` is good for `wanted`. */
export function coversScopes(granted: readonly string[], wanted: readonly string[]): boolean {
  const rights = new Map(granted.map(split).map(({ resource, actions }) => [resource, new Set(actions)]));
  return wanted.map(split).every(({ resource, actions }) => {
    const has = rights.get(resource);
    return has !== undefined && (has.has("*") || actions.every((action) => has.has(action)));
  });
}
