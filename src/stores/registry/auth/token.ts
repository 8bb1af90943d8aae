import { collect } from "../../../bytes/collect.ts";
import { LadingError } from "../../../errors.ts";
import type { EventListener } from "../../../events.ts";
import { limits } from "../../../spec/limits.ts";
import type { Clock } from "../http/clock.ts";
import { answerError, networkError } from "../http/errors.ts";
import type { Redactor } from "../http/redact.ts";
import { isRedirect, resolveLocation } from "../http/redirects.ts";
import { traceOf } from "../http/trace.ts";
import type { Method, Transport, TransportAnswer } from "../http/transport.ts";
import type { Credential } from "./credentials.ts";
import { judgeRealm } from "./realm.ts";

export interface TokenRequest {
  readonly realm: URL;
  readonly service: string | undefined;
  readonly scopes: readonly string[];
  /** Undefined: an anonymous token. */
  readonly credential: Credential | undefined;
  /** The registry that named the realm. */
  readonly registry: URL;
  readonly trustedRealms: readonly string[];
  readonly place: string;
}

export interface Token {
  readonly value: string;
  /** ms since the epoch. */
  readonly expiresAt: number;
  /** From here on a new one should be fetched: less than a fifth of its life is left. */
  readonly refreshAt: number;
}

export interface TokenContext {
  readonly transport: Transport;
  readonly redactor: Redactor;
  readonly clock: Clock;
  readonly userAgent: string;
  readonly on: EventListener;
}

/** Life of a token that does not say how long it lives (distribution token specification). */
const defaultLifeSeconds = 60;
const longestLifeSeconds = 24 * 60 * 60;

/**
 * Asks a token service for a bearer token: OAuth2 POST for identity tokens, GET else and where POST is not known.
 * @throws LadingError ERR_LADING_UNAUTHORIZED, ERR_LADING_NETWORK, ERR_LADING_REGISTRY
 */
export async function fetchToken(request: TokenRequest, context: TokenContext): Promise<Token> {
  const trust = judgeRealm(request.realm, request.registry, request.trustedRealms, request.place);
  const credential = trust === "credentials" ? request.credential : undefined;
  for (const secret of [credential?.password, credential?.identityToken]) context.redactor.add(secret);
  const asked = context.clock.now();
  if (credential?.identityToken !== undefined) {
    const answer = await send(
      request,
      context,
      "POST",
      request.realm,
      undefined,
      refreshForm(request, credential.identityToken),
    );
    if (answer.status === 200) return readToken(answer, request, context, asked);
    if (![400, 401, 404, 405].includes(answer.status))
      throw await refused(answer, "POST", request, context, trust);
    await answer.discard();
  }
  const url = new URL(request.realm);
  if (request.service !== undefined) url.searchParams.set("service", request.service);
  // One `scope` each, not joined by spaces: several servers split nothing.
  for (const scope of request.scopes) url.searchParams.append("scope", scope);
  const answer = await send(request, context, "GET", url, basicOf(credential));
  if (answer.status !== 200) throw await refused(answer, "GET", request, context, trust);
  return readToken(answer, request, context, asked);
}

function refreshForm(request: TokenRequest, identityToken: string): string {
  const form = new URLSearchParams({
    grant_type: "refresh_token",
    client_id: "lading",
    refresh_token: identityToken,
  });
  if (request.service !== undefined) form.set("service", request.service);
  if (request.scopes.length > 0) form.set("scope", request.scopes.join(" "));
  return form.toString();
}

/** The `Basic` header of a credential, undefined for an anonymous one. */
export function basicOf(credential: Credential | undefined): string | undefined {
  const username = credential?.username ?? (credential?.identityToken === undefined ? undefined : "<token>");
  if (credential === undefined || username === undefined) return undefined;
  const password = credential.password ?? credential.identityToken ?? "";
  return `Basic ${Buffer.from(`${username}:${password}`).toString("base64")}`;
}

/** One request with its redirects; another origin gets neither the password nor the form. */
async function send(
  request: TokenRequest,
  context: TokenContext,
  method: Method,
  start: URL,
  authorization: string | undefined,
  form?: string,
): Promise<TransportAnswer> {
  context.redactor.add(authorization?.slice("Basic ".length));
  let url = start;
  for (let hop = 0; hop <= limits.redirects; hop++) {
    const own = url.origin === start.origin;
    const started = context.clock.now();
    const headers = {
      accept: "application/json",
      "accept-encoding": "identity",
      "user-agent": context.userAgent,
      ...(own && authorization !== undefined ? { authorization } : {}),
      ...(form === undefined ? {} : { "content-type": "application/x-www-form-urlencoded" }),
    };
    let answer: TransportAnswer;
    try {
      answer = await context.transport.send({
        method,
        url,
        headers,
        ...(form === undefined ? {} : { body: Buffer.from(form) }),
      });
    } catch (error) {
      throw networkError(error, errorContext(request, context), url);
    }
    const durationMs = context.clock.now() - started;
    const traced = { method, url, sent: headers, answer, failure: undefined, durationMs };
    context.on({
      type: "debug",
      message: `${method} ${context.redactor.url(url)} → ${answer.status}`,
      http: () => traceOf(traced, context.redactor),
    });
    const location = answer.headers.get("location");
    if (!isRedirect(answer.status, method) || location === undefined) return answer;
    await answer.discard();
    const next = resolveLocation(location, url, request.place);
    judgeRealm(next, request.registry, request.trustedRealms, request.place);
    if (form !== undefined && next.origin !== start.origin) {
      throw new LadingError(
        "ERR_LADING_UNAUTHORIZED",
        "the token service sends its clients elsewhere with their secret",
        {
          place: request.place,
        },
      );
    }
    url = next;
  }
  throw new LadingError(
    "ERR_LADING_REGISTRY",
    `the token service redirects more than ${limits.redirects} times`,
    {
      place: request.place,
    },
  );
}

function errorContext(request: TokenRequest, context: TokenContext) {
  return {
    what: `get a token from ${request.realm.host}`,
    place: request.place,
    redactor: context.redactor,
    now: context.clock.now(),
  };
}

async function refused(
  answer: TransportAnswer,
  method: Method,
  request: TokenRequest,
  context: TokenContext,
  trust: "credentials" | "anonymous",
): Promise<LadingError> {
  // The body of a token service is never shown: it may hold the secret.
  await answer.discard();
  if (answer.status === 401 || answer.status === 403) {
    const kept = trust === "anonymous" && request.credential !== undefined;
    return new LadingError(
      "ERR_LADING_UNAUTHORIZED",
      kept
        ? `the token service ${request.realm.host} gives no anonymous token, and is not trusted with these credentials`
        : request.credential === undefined
          ? `the token service ${request.realm.host} gives no anonymous token (HTTP ${answer.status})`
          : `the token service ${request.realm.host} refused the credentials (HTTP ${answer.status})`,
      {
        place: request.place,
        hint: kept
          ? `if ${request.realm.host} belongs to this registry, add it to the trusted realms`
          : `log in with \`lading login ${request.registry.host}\`, or check the user and password`,
      },
    );
  }
  return answerError(
    { method, url: request.realm, status: answer.status, headers: answer.headers, body: Buffer.alloc(0) },
    errorContext(request, context),
  );
}

async function readToken(
  answer: TransportAnswer,
  request: TokenRequest,
  context: TokenContext,
  asked: number,
): Promise<Token> {
  const malformed = (why: string): LadingError =>
    new LadingError("ERR_LADING_REGISTRY", `the token service ${request.realm.host} ${why}`, {
      place: request.place,
    });
  let bytes: Buffer;
  try {
    bytes = await collect(answer.body, limits.tokenBodyBytes, "the token service's answer");
  } catch (error) {
    throw networkError(error, errorContext(request, context), request.realm);
  }
  let json: { token?: unknown; access_token?: unknown; expires_in?: unknown };
  try {
    json = Object(JSON.parse(bytes.toString("utf8")));
  } catch {
    throw malformed("answered with something that is not JSON");
  }
  const value = typeof json.token === "string" && json.token !== "" ? json.token : json.access_token;
  if (typeof value !== "string" || !/^[\x21-\x7e]+$/.test(value)) throw malformed("answered without a token");
  context.redactor.add(value);
  const seconds =
    typeof json.expires_in === "number" && json.expires_in > 0
      ? Math.min(json.expires_in, longestLifeSeconds)
      : defaultLifeSeconds;
  return { value, expiresAt: asked + seconds * 1000, refreshAt: asked + seconds * 800 };
}
