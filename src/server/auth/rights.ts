import { LadingError } from "../../errors.ts";
import type { Action, Principal } from "./principal.ts";

/** Lets somebody do something somewhere. What no rule allows is refused. */
export interface AccessRule {
  /** `anyone` (without credentials, too), `users` (everybody with credentials), or names. */
  readonly who: "anyone" | "users" | readonly string[];
  /** Patterns of repository names: `*` stands for one component, `**` for any number of them. */
  readonly repositories: readonly string[];
  readonly actions: readonly Action[];
}

export interface Rights {
  allows(principal: Principal, repository: string, action: Action): boolean;
}

/** @throws LadingError ERR_LADING_USAGE when a pattern or an action is not one */
export function compileRights(rules: readonly AccessRule[]): Rights {
  const compiled = rules.map((rule) => {
    for (const action of rule.actions) {
      if (!["pull", "push", "delete"].includes(action))
        throw new LadingError("ERR_LADING_USAGE", `not an action of the registry: ${JSON.stringify(action)}`);
    }
    return { ...rule, patterns: rule.repositories.map(patternOf) };
  });
  return {
    allows: (principal, repository, action) => {
      const { grants } = principal;
      if (grants !== undefined) {
        const granted = grants.some(
          (grant) => grant.repository === repository && grant.actions.includes(action),
        );
        if (!granted) return false;
      }
      return compiled.some(
        (rule) =>
          rule.actions.includes(action) &&
          includes(rule.who, principal) &&
          rule.patterns.some((pattern) => pattern.test(repository)),
      );
    },
  };
}

function includes(who: AccessRule["who"], principal: Principal): boolean {
  if (who === "anyone") return true;
  if (principal.kind === "anonymous") return false;
  return who === "users" || who.includes(principal.name);
}

function patternOf(pattern: string): RegExp {
  const parts = pattern.split("/");
  if (parts.some((part) => part !== "**" && !/^[a-z0-9._*-]+$/.test(part))) {
    throw new LadingError("ERR_LADING_USAGE", `not a pattern of repositories: ${JSON.stringify(pattern)}`, {
      hint: "write names with / between their parts, * for one part and ** for any number of them",
    });
  }
  const text = parts.map((part) => {
    if (part === "**") return ".+";
    return part.replace(/[.-]/g, "\\$&").replace(/\*+/g, "[^/]*");
  });
  return new RegExp(`^${text.join("/")}$`);
}

const everything = (who: AccessRule["who"]): AccessRule => ({
  who,
  repositories: ["**"],
  actions: ["pull", "push", "delete"],
});

/** Everybody everything, or every user everything where there are users. */
export function defaultRights(hasUsers: boolean): readonly AccessRule[] {
  return [everything(hasUsers ? "users" : "anyone")];
}
