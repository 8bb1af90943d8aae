import { digestOf } from "../../../bytes/hash.ts";
import { unlessAborted } from "../http/abort.ts";
import { quirksOf } from "../quirks.ts";
import { parseChallenges } from "./challenge.ts";
import type { Credential, CredentialSource } from "./credentials.ts";
import { coversScopes, unionScopes } from "./scope.ts";
import { basicOf, fetchToken, type Token, type TokenContext, type TokenRequest } from "./token.ts";

/** What a request wants to do where. */
export interface Want {
  /** As in references. */
  readonly registry: string;
  /** Where the registry answers. */
  readonly base: URL;
  readonly repository: string;
  /** The most important first. */
  readonly scopes: readonly string[];
  readonly place: string;
}

/** Knows how each registry wants to be shown who we are, and keeps its tokens. */
export interface Authorizer {
  /** The `Authorization` header for a request to the registry itself; undefined: none is needed as far as is known. */
  header(want: Want, signal?: AbortSignal): Promise<string | undefined>;
  /**
   * Learns from a 401.
   * @param sent the header that was refused
   * @returns whether `header` now gives something worth another attempt
   */
  challenged(
    want: Want,
    wwwAuthenticate: readonly string[],
    sent: string | undefined,
    signal?: AbortSignal,
  ): Promise<boolean>;
  credential(
    want: Pick<Want, "registry" | "repository">,
    signal?: AbortSignal,
  ): Promise<Credential | undefined>;
}

type Scheme =
  | { readonly kind: "basic" }
  | { readonly kind: "bearer"; readonly realm: URL; readonly service: string | undefined };

interface KeptToken {
  readonly scopes: readonly string[];
  readonly token: Token;
}

export function createAuthorizer(
  source: CredentialSource,
  trustedRealms: readonly string[],
  context: TokenContext,
): Authorizer {
  const schemes = new Map<string, Scheme>();
  const credentials = new Map<string, Promise<Credential | undefined>>();
  /** By realm, service and credential. */
  const tokens = new Map<string, KeptToken[]>();
  const flights = new Map<string, Promise<Token>>();
  /** Scopes that challenges asked for beyond what was thought to be enough. */
  const learned = new Map<string, readonly string[]>();

  const find = (registry: string, repository: string): Promise<Credential | undefined> => {
    const key = `${registry}/${repository}`;
    let found = credentials.get(key);
    if (found === undefined) {
      // Not the caller's signal: others wait for the same answer.
      found = source.find(registry, repository);
      credentials.set(key, found);
      found.catch(() => credentials.delete(key));
    }
    return found;
  };

  const credential: Authorizer["credential"] = async ({ registry, repository }, signal) => {
    const first = find(registry, repository);
    let known = await unlessAborted(first, signal);
    if (known?.askAgainAt !== undefined && known.askAgainAt <= context.clock.now()) {
      const key = `${registry}/${repository}`;
      if (credentials.get(key) === first) credentials.delete(key);
      known = await unlessAborted(find(registry, repository), signal);
    }
    for (const secret of [known?.password, known?.identityToken, known?.registryToken])
      context.redactor.add(secret);
    return known;
  };

  const token = async (
    want: Want,
    scheme: Scheme & { kind: "bearer" },
    signal?: AbortSignal,
  ): Promise<Token> => {
    const who = await credential(want, signal);
    const family = [want.registry, scheme.realm.href, scheme.service ?? "", credentialId(who)].join("\n");
    const scopes = unionScopes(want.scopes, learned.get(learnedKey(want)) ?? []);
    const now = context.clock.now();
    const kept = (tokens.get(family) ?? []).filter((entry) => entry.token.refreshAt > now);
    tokens.set(family, kept);
    const good = kept.find((entry) => coversScopes(entry.scopes, scopes));
    if (good !== undefined) return good.token;
    const flight = `${family}\n${[...scopes].sort().join(" ")}`;
    let fetching = flights.get(flight);
    if (fetching === undefined) {
      const request: TokenRequest = {
        realm: scheme.realm,
        service: scheme.service,
        scopes,
        credential: who,
        registry: want.base,
        trustedRealms: [...(quirksOf(want.registry).tokenHosts ?? []), ...trustedRealms],
        place: want.place,
      };
      fetching = fetchToken(request, context)
        .then((fresh) => {
          tokens.get(family)?.push({ scopes, token: fresh });
          return fresh;
        })
        .finally(() => flights.delete(flight));
      // Somebody always waits below, unless every waiter was aborted.
      fetching.catch(() => {});
      flights.set(flight, fetching);
    }
    return unlessAborted(fetching, signal);
  };

  return {
    credential,
    header: async (want, signal) => {
      const who = await credential(want, signal);
      if (who?.registryToken !== undefined) return `Bearer ${who.registryToken}`;
      const scheme = schemes.get(want.registry);
      if (scheme === undefined) return undefined;
      if (scheme.kind === "bearer") return `Bearer ${(await token(want, scheme, signal)).value}`;
      const basic = basicOf(who);
      context.redactor.add(basic?.slice("Basic ".length));
      return basic;
    },
    challenged: async (want, wwwAuthenticate, sent, signal) => {
      const who = await credential(want, signal);
      if (who?.registryToken !== undefined) return false;
      const challenges = parseChallenges(wwwAuthenticate);
      const bearer = challenges.find(
        ({ scheme, parameters }) => scheme === "bearer" && URL.canParse(parameters.get("realm") ?? ""),
      );
      if (bearer !== undefined) {
        const realm = new URL(bearer.parameters.get("realm") ?? "");
        schemes.set(want.registry, { kind: "bearer", realm, service: bearer.parameters.get("service") });
        const refused = sent?.startsWith("Bearer ") ? sent.slice("Bearer ".length) : undefined;
        for (const [family, kept] of tokens) {
          tokens.set(
            family,
            kept.filter((entry) => entry.token.value !== refused),
          );
        }
        const wanted = (bearer.parameters.get("scope") ?? "").split(" ").filter((scope) => scope !== "");
        const before = learned.get(learnedKey(want)) ?? [];
        learned.set(learnedKey(want), unionScopes(before, wanted).slice(0, 10));
        return true;
      }
      const basic = challenges.some(({ scheme }) => scheme === "basic");
      if (!basic || who === undefined) return false;
      schemes.set(want.registry, { kind: "basic" });
      return basicOf(who) !== sent;
    },
  };
}

function learnedKey(want: Want): string {
  return `${want.registry}\n${want.scopes.join(" ")}`;
}

function credentialId(credential: Credential | undefined): string {
  return credential === undefined ? "" : digestOf(JSON.stringify(Object.entries(credential).sort()));
}
