import { collect } from "../../../../bytes/collect.ts";
import { LadingError } from "../../../../errors.ts";
import type { ProxyOptions } from "../../http/proxy.ts";
import type { HostOptions } from "../../http/tls.ts";
import { createTransport, type Method } from "../../http/transport.ts";
import { isRecord } from "../auth-file.ts";

export interface TokenQuestion {
  readonly method: Method;
  readonly url: URL;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  /** Milliseconds for all of it. Default 15 s. */
  readonly timeoutMs?: number;
  /** Past any proxy: for servers that only this machine can see. */
  readonly direct?: true;
  /** Only an answer with this header, in lower case, and this value is the server's own. */
  readonly proof?: readonly [string, string];
}

/** Asks the clouds' token servers. */
export interface TokenServers {
  /**
   * One request. Redirects are not followed, since the question holds secrets.
   * @returns the answer's JSON object
   * @throws LadingError ERR_LADING_UNAUTHORIZED, ERR_LADING_LIMIT, or the connection's own error
   */
  ask(question: TokenQuestion): Promise<Readonly<Record<string, unknown>>>;
}

const defaultTimeoutMs = 15_000;
const longestAnswer = 256 * 1024;

/** @param tls for all of them: authorities to trust */
export function createTokenServers(proxy: ProxyOptions | undefined, tls: HostOptions): TokenServers {
  return {
    ask: async (question) => {
      const { url, timeoutMs = defaultTimeoutMs } = question;
      const transport = createTransport({
        hosts: () => tls,
        ...(proxy === undefined || question.direct ? {} : { proxy }),
        connectTimeoutMs: timeoutMs,
      });
      try {
        const answer = await transport.send({
          method: question.method,
          url,
          headers: { accept: "application/json", "accept-encoding": "identity", ...question.headers },
          ...(question.body === undefined ? {} : { body: Buffer.from(question.body) }),
          signal: AbortSignal.timeout(timeoutMs),
        });
        // The body is never told: it may repeat the secret.
        if (answer.status !== 200) throw refused(url, `answered HTTP ${answer.status}`);
        const [name, value] = question.proof ?? [];
        if (name !== undefined && answer.headers.get(name) !== value) throw refused(url, "is another server");
        const bytes = await collect(answer.body, longestAnswer, "the token server's answer");
        return jsonOf(bytes, url);
      } finally {
        await transport.close();
      }
    },
  };
}

function jsonOf(bytes: Uint8Array, url: URL): Readonly<Record<string, unknown>> {
  let json: unknown;
  try {
    json = JSON.parse(Buffer.from(bytes).toString("utf8"));
  } catch {
    throw refused(url, "did not answer with JSON");
  }
  if (!isRecord(json)) throw refused(url, "did not answer with a JSON object");
  return json;
}

function refused({ host }: URL, why: string): LadingError {
  return new LadingError("ERR_LADING_UNAUTHORIZED", `the token server ${host} ${why}`);
}

/** A token out of an answer. @throws LadingError ERR_LADING_UNAUTHORIZED when it is not there or could not stand in a header */
export function tokenIn(answer: Readonly<Record<string, unknown>>, field: string): string {
  const token = answer[field];
  if (typeof token === "string" && /^[\x21-\x7e]+$/.test(token)) return token;
  throw new LadingError("ERR_LADING_UNAUTHORIZED", `the token server's answer has no ${field}`);
}

/** When a token ends whose answer tells its life in seconds, as milliseconds since the epoch. */
export function endOf(answer: Readonly<Record<string, unknown>>, now: number): number {
  const seconds = Number(answer["expires_in"]);
  return now + (seconds > 0 ? Math.min(seconds, longestLifeSeconds) : shortestLifeSeconds) * 1000;
}

const longestLifeSeconds = 24 * 60 * 60;
/** For tokens that do not say. */
const shortestLifeSeconds = 10 * 60;
