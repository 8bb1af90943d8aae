import { Fault } from "../errors.ts";
import type { Exchange } from "../exchange.ts";
import type { Route } from "../router.ts";
import type { Passwords } from "./passwords.ts";
import type { Action, Grant, Principal } from "./principal.ts";
import { type AccessRule, compileRights, defaultRights, type Rights } from "./rights.ts";
import { formatScope } from "./scopes.ts";
import { type TokenOptions, Tokens } from "./tokens.ts";

/** What the one who asks may do beside the request at hand. */
export interface Access {
  may(repository: string, action: Action): boolean;
}

export interface GuardOptions {
  readonly passwords?: Passwords;
  readonly tokens?: TokenOptions;
  readonly rights?: readonly AccessRule[];
  /** Whether clients reach this server over TLS. */
  readonly secure: boolean;
}

/** What a request wants to do, decided from its end-point and method alone: no handler can forget to ask (CVE-2026-41888). */
export function neededGrant(route: Route, method: string): Grant | undefined {
  switch (route.kind) {
    case "blob":
    case "manifest":
      return {
        repository: route.repository,
        actions: [method === "DELETE" ? "delete" : method === "PUT" ? "push" : "pull"],
      };
    case "uploads":
    case "upload":
      return { repository: route.repository, actions: ["push"] };
    case "tags":
    case "referrers":
      return { repository: route.repository, actions: ["pull"] };
    default:
      return undefined;
  }
}

/** The one place where it is decided who asks and whether they may. */
export class Guard {
  readonly tokens: Tokens | undefined;
  readonly #passwords: Passwords | undefined;
  readonly #rights: Rights;
  readonly #secure: boolean;

  constructor(options: GuardOptions) {
    this.#passwords = options.passwords;
    this.tokens = options.tokens === undefined ? undefined : new Tokens(options.tokens);
    this.#rights = compileRights(options.rights ?? defaultRights(this.asks));
    this.#secure = options.secure;
  }

  /** Whether there are credentials to ask for. */
  get asks(): boolean {
    return this.#passwords !== undefined || this.tokens !== undefined;
  }

  /** Who asks. @throws Fault UNAUTHORIZED when credentials are shown and are wrong */
  async identify(exchange: Exchange, wanted: Grant | undefined): Promise<Principal> {
    const header = exchange.header("authorization");
    if (header === undefined || !this.asks) return { kind: "anonymous" };
    const [scheme = "", value = ""] = splitOnce(header.trim(), " ");
    let principal: Principal | undefined;
    if (scheme.toLowerCase() === "basic") principal = await this.#byPassword(value.trim());
    else if (scheme.toLowerCase() === "bearer") {
      principal = this.tokens?.check(value.trim(), this.serviceOf(exchange));
    }
    if (principal !== undefined) return principal;
    throw this.challenge(exchange, wanted, "the credentials are wrong", "invalid_token");
  }

  async #byPassword(encoded: string): Promise<Principal | undefined> {
    if (this.#passwords === undefined || encoded.length > 4096) return undefined;
    const decoded = Buffer.from(encoded, "base64").toString("utf8");
    const colon = decoded.indexOf(":");
    if (colon < 1) return undefined;
    const user = decoded.slice(0, colon);
    return (await this.verify(user, decoded.slice(colon + 1))) ? { kind: "user", name: user } : undefined;
  }

  async verify(user: string, password: string): Promise<boolean> {
    return this.#passwords?.verify(user, password) ?? false;
  }

  accessOf(principal: Principal): Access {
    return { may: (repository, action) => this.#rights.allows(principal, repository, action) };
  }

  /**
   * Lets the request pass or throws.
   * @throws Fault UNAUTHORIZED (other credentials may help), DENIED
   */
  authorize(exchange: Exchange, route: Route): void {
    const { principal } = exchange;
    const wanted = neededGrant(route, exchange.method);
    if (wanted === undefined) {
      // `/v2/` and the catalog need credentials where there are any: that is how clients check a login.
      const open = route.kind !== "base" && route.kind !== "catalog";
      const shown = principal.kind === "user" || principal.grants !== undefined;
      if (open || !this.asks || shown) return;
      throw this.challenge(exchange, undefined, "this registry asks for credentials");
    }
    const access = this.accessOf(principal);
    if (wanted.actions.every((action) => access.may(wanted.repository, action))) return;
    const hasToken = principal.grants !== undefined;
    if (this.asks && (principal.kind === "anonymous" || hasToken)) {
      throw this.challenge(
        exchange,
        wanted,
        "other credentials are needed for this",
        hasToken ? "insufficient_scope" : undefined,
      );
    }
    throw new Fault(403, "DENIED", "not allowed", { detail: { repository: wanted.repository } });
  }

  /** The audience of this server's tokens. */
  serviceOf(exchange: Exchange): string {
    return this.tokens?.service ?? exchange.header("host") ?? "registry";
  }

  /** A 401 that tells how to get credentials that would do. */
  challenge(exchange: Exchange, wanted: Grant | undefined, message: string, error?: string): Fault {
    return new Fault(401, "UNAUTHORIZED", message, {
      headers: { "www-authenticate": this.#challengeText(exchange, wanted, error) },
      ...(wanted === undefined
        ? {}
        : { detail: [{ Type: "repository", Name: wanted.repository, Action: wanted.actions[0] }] }),
    });
  }

  #challengeText(exchange: Exchange, wanted: Grant | undefined, error: string | undefined): string {
    if (this.tokens === undefined) return 'Basic realm="registry"';
    const realm =
      this.tokens.realm ??
      this.tokens.url ??
      `${this.#secure ? "https" : "http"}://${exchange.header("host") ?? "localhost"}/token`;
    const parts = [`realm="${quoted(realm)}"`, `service="${quoted(this.serviceOf(exchange))}"`];
    // A client that wants to push wants to read what is there, too.
    if (wanted !== undefined) {
      const actions: readonly Action[] = wanted.actions.includes("push") ? ["pull", "push"] : wanted.actions;
      parts.push(`scope="${formatScope({ repository: wanted.repository, actions })}"`);
    }
    if (error !== undefined) parts.push(`error="${error}"`);
    return `Bearer ${parts.join(",")}`;
  }
}

function splitOnce(text: string, separator: string): [string, string] {
  const at = text.indexOf(separator);
  return at < 0 ? [text, ""] : [text.slice(0, at), text.slice(at + 1)];
}

/** For a quoted string in a header: a Host header is a stranger's text. */
function quoted(text: string): string {
  return text.replace(/[^\x21\x23-\x5b\x5d-\x7e]/g, "");
}
