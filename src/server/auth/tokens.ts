import { randomBytes, randomUUID } from "node:crypto";
import { signToken, type TokenKey, verifyToken } from "./jwt.ts";
import type { Action, Grant, Principal } from "./principal.ts";

export interface TokenOptions {
  /** Default: HS256 with a secret of this process, so tokens end with it. */
  readonly key?: TokenKey;
  /** Where clients get tokens from somebody else, who must sign with the same key. Default: this server gives them out. */
  readonly realm?: string;
  /** Where clients reach `/token` of this server. Default: where they reached the server; a proxy that ends TLS hides that. */
  readonly url?: string;
  /** The audience of tokens. Default: the host that the client asked for. */
  readonly service?: string;
  /** Default `lading`. */
  readonly issuer?: string;
  /** Seconds that a token is good for. Default 300. */
  readonly lifetime?: number;
}

export interface IssuedToken {
  readonly token: string;
  /** Seconds. */
  readonly expiresIn: number;
  /** RFC 3339. */
  readonly issuedAt: string;
}

const actions: readonly string[] = ["pull", "push", "delete"];

/** Seconds by which clocks may differ. */
const leeway = 30;

/** Gives out bearer tokens, and knows its own again. */
export class Tokens {
  readonly realm: string | undefined;
  readonly url: string | undefined;
  readonly service: string | undefined;
  readonly #key: TokenKey;
  readonly #issuer: string;
  readonly #lifetime: number;

  constructor(options: TokenOptions) {
    this.realm = options.realm;
    this.url = options.url;
    this.service = options.service;
    this.#key = options.key ?? { algorithm: "HS256", secret: randomBytes(32) };
    this.#issuer = options.issuer ?? "lading";
    this.#lifetime = options.lifetime ?? 300;
  }

  get canIssue(): boolean {
    return this.#key.algorithm === "HS256" || this.#key.privateKey !== undefined;
  }

  /** A token for what of `grants` is allowed already. */
  issue(principal: Principal, service: string, grants: readonly Grant[]): IssuedToken {
    const now = Math.floor(Date.now() / 1000);
    const claims = {
      iss: this.#issuer,
      aud: service,
      ...(principal.kind === "user" ? { sub: principal.name } : {}),
      iat: now,
      nbf: now,
      exp: now + this.#lifetime,
      jti: randomUUID(),
      access: grants.map((grant) => ({ type: "repository", name: grant.repository, actions: grant.actions })),
    };
    return {
      token: signToken(claims, this.#key),
      expiresIn: this.#lifetime,
      issuedAt: new Date(now * 1000).toISOString(),
    };
  }

  /** Who shows this token, with what it grants. Undefined: it is not good (any more). */
  check(token: string, service: string): Principal | undefined {
    const claims = verifyToken(token, this.#key);
    if (claims === undefined) return undefined;
    const now = Date.now() / 1000;
    const { iss, aud, sub, exp, nbf, access } = claims;
    const audiences = Array.isArray(aud) ? aud : [aud];
    if (iss !== this.#issuer || !audiences.includes(service)) return undefined;
    if (typeof exp !== "number" || exp + leeway < now) return undefined;
    if (nbf !== undefined && (typeof nbf !== "number" || nbf - leeway > now)) return undefined;
    const grants = Array.isArray(access) ? access.flatMap(readGrant) : [];
    return typeof sub === "string" && sub !== ""
      ? { kind: "user", name: sub, grants }
      : { kind: "anonymous", grants };
  }
}

function readGrant(value: unknown): readonly Grant[] {
  if (typeof value !== "object" || value === null) return [];
  const { type, name, actions: granted } = value as Record<string, unknown>;
  if (type !== "repository" || typeof name !== "string" || !Array.isArray(granted)) return [];
  const known = granted.filter((action): action is Action => actions.includes(action as string));
  return [{ repository: name, actions: known }];
}
