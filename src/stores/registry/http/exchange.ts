import { collect } from "../../../bytes/collect.ts";
import type { ByteStream } from "../../../bytes/stream.ts";
import { atPlace, isLadingError, LadingError, messageOf, RegistryError } from "../../../errors.ts";
import type { EventListener } from "../../../events.ts";
import { limits } from "../../../spec/limits.ts";
import type { Authorizer, Want } from "../auth/authorizer.ts";
import { quirksOf } from "../quirks.ts";
import type { Clock } from "./clock.ts";
import type { CookieJar } from "./cookies.ts";
import { answerError, type ErrorContext, networkError } from "./errors.ts";
import type { HostLimiter, Lane } from "./limiter.ts";
import type { Redactor } from "./redact.ts";
import { isRedirect, resolveLocation } from "./redirects.ts";
import { backoff, type RetryPolicy } from "./retry.ts";
import { traceOf } from "./trace.ts";
import type { AnswerHeaders, Method, Transport, TransportAnswer } from "./transport.ts";

/** A request body that can be made again for another attempt. */
export interface RequestBody {
  /** Bytes. */
  readonly size: number;
  open(signal: AbortSignal | undefined): Promise<ByteStream>;
}

/** One request to a registry, as the protocol's parts ask for it. */
export interface Call extends Want {
  readonly method: Method;
  readonly url: URL;
  /** For errors: "read manifest v1". */
  readonly what: string;
  readonly headers?: Readonly<Record<string, string>> | undefined;
  readonly body?: RequestBody | undefined;
  /** Statuses that the caller understands; others become errors. */
  readonly expect: readonly number[];
  /** Default "short". */
  readonly lane?: Lane | undefined;
  /** Attempts in all; the policy's when left out. */
  readonly attempts?: number | undefined;
  readonly headersTimeoutMs?: number | undefined;
  readonly cookies?: CookieJar | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** Exactly one of `stream`, `bytes` and `discard` has to be called: the permit is held until then. */
export interface Answer {
  readonly status: number;
  readonly headers: AnswerHeaders;
  /** Where the answer came from, after redirects. */
  readonly url: URL;
  stream(): Promise<AsyncIterator<Uint8Array>>;
  /** @throws LadingError ERR_LADING_LIMIT, ERR_LADING_NETWORK */
  bytes(limit: number): Promise<Buffer>;
  discard(): Promise<void>;
}

export interface ExchangeContext {
  readonly transport: Transport;
  readonly authorizer: Authorizer;
  readonly limiter: (registry: string) => HostLimiter;
  readonly retry: RetryPolicy;
  readonly clock: Clock;
  readonly redactor: Redactor;
  readonly userAgent: string;
  readonly on: EventListener;
}

/** Sends calls with credentials, by-hand redirects, limits per host and retries. */
export interface Exchange {
  send(call: Call): Promise<Answer>;
  /**
   * Waits before the attempt after this one, as the policy and the registry's `Retry-After` say.
   * @throws the failure itself when it is not worth or not allowed another attempt
   */
  waitToRetry(failure: unknown, attempt: number, call: RetriedCall): Promise<void>;
  /** Any failure of a call's connection as an error with a code. */
  failed(error: unknown, call: Pick<Call, "what" | "place" | "url">): LadingError;
  readonly clock: Clock;
  readonly retry: RetryPolicy;
}

export type RetriedCall = Pick<Call, "registry" | "what" | "attempts" | "signal">;

/** What the source of an upload threw: its own error, not the registry's. */
class BodyFailure extends Error {}

export function createExchange(context: ExchangeContext): Exchange {
  const { clock, redactor, on } = context;

  const waitToRetry: Exchange["waitToRetry"] = async (failure, attempt, call) => {
    call.signal?.throwIfAborted();
    if (
      !isLadingError(failure) ||
      !failure.retryable ||
      attempt >= (call.attempts ?? context.retry.attempts)
    ) {
      throw failure;
    }
    const told = failure instanceof RegistryError ? failure.retryAfterMs : undefined;
    if (told !== undefined && told > context.retry.maxRetryAfterMs) throw failure;
    const own = backoff(attempt, clock.random(), context.retry);
    const delay = told === undefined ? own : told + Math.round(clock.random() * 250);
    if (failure.code === "ERR_LADING_RATE_LIMITED" || told !== undefined) {
      context.limiter(call.registry).pause(clock.now() + delay);
    }
    on({ type: "retrying", what: call.what, attempt, delayMs: delay, reason: failure.message });
    await clock.sleep(delay, call.signal);
  };

  const send = async (call: Call): Promise<Answer> => {
    for (let attempt = 1; ; attempt++) {
      let failure: unknown;
      try {
        const answer = await attemptOnce(call);
        if (call.expect.includes(answer.status)) return answer;
        failure = await failureOf(answer, call);
      } catch (error) {
        call.signal?.throwIfAborted();
        if (error instanceof BodyFailure) throw error.cause;
        failure = networkError(error, errorContext(call), call.url);
      }
      await waitToRetry(failure, attempt, call);
    }
  };

  const errorContext = (
    call: Pick<Call, "what" | "place"> & { readonly registry?: string },
  ): ErrorContext => ({
    what: call.what,
    place: call.place,
    redactor,
    now: clock.now(),
    quirks: quirksOf(call.registry ?? ""),
  });

  const failureOf = async (answer: Answer, call: Call): Promise<LadingError> => {
    const body = await answer.bytes(limits.errorBodyBytes).catch(() => Buffer.alloc(0));
    const error = answerError(
      { method: call.method, url: answer.url, status: answer.status, headers: answer.headers, body },
      errorContext(call),
    );
    const elsewhere = answer.url.origin !== call.url.origin;
    if (!elsewhere || call.method === "HEAD" || ![400, 401, 403, 404].includes(answer.status)) return error;
    // A signed URL has run out: the registry gives a fresh one.
    return new LadingError("ERR_LADING_REGISTRY", error.message, {
      place: call.place,
      retryable: true,
      hint: `${answer.url.host}, where the registry keeps this, does not give it`,
      cause: error,
    });
  };

  /** One attempt: at most one more request after a 401, and the redirects of each. */
  const attemptOnce = async (call: Call): Promise<Answer> => {
    const authorization = await context.authorizer.header(call, call.signal);
    const answer = await followed(call, authorization);
    if (answer.status !== 401 || answer.url.origin !== call.base.origin) return answer;
    const challenges = answer.headers.all("www-authenticate");
    if (!(await context.authorizer.challenged(call, challenges, authorization, call.signal))) return answer;
    await answer.discard();
    return followed(call, await context.authorizer.header(call, call.signal));
  };

  const followed = async (call: Call, authorization: string | undefined): Promise<Answer> => {
    const release = await context.limiter(call.registry).acquire(call.lane ?? "short", call.signal);
    try {
      let url = call.url;
      for (let hop = 0; hop <= limits.redirects; hop++) {
        const answer = await sendTo(call, url, authorization);
        const location = answer.headers.get("location");
        if (!isRedirect(answer.status, call.method) || location === undefined) {
          return answerOf(answer, url, release, call);
        }
        await answer.discard();
        url = resolveLocation(location, url, call.place);
      }
      throw new LadingError(
        "ERR_LADING_REGISTRY",
        `cannot ${call.what}: more than ${limits.redirects} redirects`,
        {
          place: call.place,
        },
      );
    } catch (error) {
      release();
      throw error;
    }
  };

  const sendTo = async (
    call: Call,
    url: URL,
    authorization: string | undefined,
  ): Promise<TransportAnswer> => {
    // Secrets are bound to the registry's own origin, whatever led here.
    const own = url.origin === call.base.origin;
    const cookie = own ? call.cookies?.header(url.origin) : undefined;
    const started = clock.now();
    const { body, failure } = await openBody(call);
    const headers = {
      "user-agent": context.userAgent,
      "accept-encoding": "identity",
      ...call.headers,
      ...(call.body === undefined ? {} : { "content-length": String(call.body.size) }),
      ...(own && authorization !== undefined ? { authorization } : {}),
      ...(cookie === undefined ? {} : { cookie }),
    };
    const report = (answer: TransportAnswer | undefined, failure?: string): void => {
      const durationMs = clock.now() - started;
      on({
        type: "debug",
        message: `${call.method} ${redactor.url(url)} → ${failure ?? answer?.status} (${durationMs} ms)`,
        http: () =>
          traceOf({ method: call.method, url, sent: headers, answer, failure, durationMs }, redactor),
      });
    };
    try {
      const answer = await context.transport.send({
        method: call.method,
        url,
        headers,
        ...(body === undefined ? {} : { body }),
        ...(call.headersTimeoutMs === undefined ? {} : { headersTimeoutMs: call.headersTimeoutMs }),
        ...(call.signal === undefined ? {} : { signal: call.signal }),
      });
      if (own) call.cookies?.take(url.origin, answer.headers.all("set-cookie"));
      report(answer);
      return answer;
    } catch (error) {
      report(undefined, redactor.text(messageOf(error)));
      const thrown = failure();
      call.signal?.throwIfAborted();
      // Here, where it is known which of the hosts on the way it was.
      throw thrown === undefined ? networkError(error, errorContext(call), url) : thrown;
    }
  };

  const failed: Exchange["failed"] = (error, call) => networkError(error, errorContext(call), call.url);

  return { send, waitToRetry, failed, clock, retry: context.retry };
}

/** Opens the request's body so that an error of its source can be told from an error of the connection. */
async function openBody(
  call: Call,
): Promise<{ body: ByteStream | Uint8Array | undefined; failure: () => BodyFailure | undefined }> {
  let failed: BodyFailure | undefined;
  const { body } = call;
  const failure = (): BodyFailure | undefined => failed;
  if (body === undefined) return { body: undefined, failure };
  if (body.size === 0) return { body: Buffer.alloc(0), failure };
  async function* guarded(source: RequestBody): AsyncGenerator<Uint8Array> {
    try {
      yield* await source.open(call.signal);
    } catch (cause) {
      failed = new BodyFailure("the body's source failed", { cause });
      throw failed;
    }
  }
  return { body: guarded(body), failure };
}

function answerOf(answer: TransportAnswer, url: URL, release: () => void, call: Call): Answer {
  const stream = (): AsyncIterableIterator<Uint8Array> => releasing(answer.body, release);
  const encoding = answer.headers.get("content-encoding");
  const decoded = encoding !== undefined && encoding !== "" && encoding.toLowerCase() !== "identity";
  const refuseEncoding = async (): Promise<void> => {
    if (!decoded || answer.status >= 300) return;
    await answer.discard();
    release();
    throw new LadingError("ERR_LADING_REGISTRY", `cannot ${call.what}: the answer has a content encoding`, {
      place: call.place,
      hint: "a proxy changes what the registry sends; it must leave bodies as they are",
    });
  };
  return {
    status: answer.status,
    headers: answer.headers,
    url,
    stream: async () => {
      await refuseEncoding();
      return stream();
    },
    bytes: async (limit) => {
      await refuseEncoding();
      try {
        return await collect(stream(), limit, "the registry's answer");
      } catch (error) {
        throw atPlace(error, call.place);
      }
    },
    discard: async () => {
      await answer.discard();
      release();
    },
  };
}

/** The stream, and `release` once it ends in any way: also when it is closed before its first byte was asked for. */
function releasing(stream: ByteStream, release: () => void): AsyncIterableIterator<Uint8Array> {
  const iterator = stream[Symbol.asyncIterator]();
  const wrapped: AsyncIterableIterator<Uint8Array> = {
    next: async () => {
      try {
        const result = await iterator.next();
        if (result.done === true) release();
        return result;
      } catch (error) {
        release();
        throw error;
      }
    },
    return: async () => {
      try {
        await iterator.return?.();
      } finally {
        release();
      }
      return { done: true, value: undefined };
    },
    [Symbol.asyncIterator]: () => wrapped,
  };
  return wrapped;
}
