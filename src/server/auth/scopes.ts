import { isRepositoryPath } from "../../spec/reference.ts";
import type { Action, Grant } from "./principal.ts";

const actions: readonly Action[] = ["pull", "push", "delete"];

/** Scopes of one request at most: each costs a check of all rules. */
const most = 100;

/**
 * Reads scopes of the token protocol (`repository:<name>:<action>,<action>`, several divided by spaces). What is not about a
 * repository, or asks for what there is not, grants nothing and is left out.
 */
export function parseScopes(texts: readonly string[]): readonly Grant[] {
  const grants: Grant[] = [];
  for (const text of texts.flatMap((item) => item.split(" ")).slice(0, most)) {
    const match = /^repository(?:\([a-z]+\))?:([^:]+):([a-z*,]+)$/.exec(text);
    if (match === null) continue;
    const [, repository = "", list = ""] = match;
    if (!isRepositoryPath(repository)) continue;
    const names = list.split(",");
    grants.push({
      repository,
      actions: actions.filter((action) => names.includes(action) || names.includes("*")),
    });
  }
  return grants;
}

/** The scope to ask for, as a challenge names it. */
export function formatScope(grant: Grant): string {
  return `repository:${grant.repository}:${grant.actions.join(",")}`;
}
