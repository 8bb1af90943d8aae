import { EventEmitter } from "node:events";
import type { Dispatcher } from "undici";
import type { ByteStream } from "../../../bytes/stream.ts";
import { onAbort, unlessAborted } from "./abort.ts";
import { createProxyChooser, type ProxyOptions } from "./proxy.ts";
import { type HostSettings, tlsOptions } from "./tls.ts";

export type Method = "GET" | "HEAD" | "PUT" | "POST" | "PATCH" | "DELETE";

export interface TransportRequest {
  readonly method: Method;
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: Uint8Array | ByteStream;
  /** Time until the answer's headers, after the body was sent. */
  readonly headersTimeoutMs?: number;
  readonly signal?: AbortSignal;
}

export interface TransportAnswer {
  readonly status: number;
  readonly headers: AnswerHeaders;
  /** Raw bytes as on the wire. */
  readonly body: ByteStream;
  /** Lets the rest of the body go; keeps the connection when little is left. */
  discard(): Promise<void>;
}

export interface AnswerHeaders {
  /** The first value; names in lower case. */
  get(name: string): string | undefined;
  all(name: string): readonly string[];
  /** In lower case. */
  names(): readonly string[];
}

export interface Transport {
  send(request: TransportRequest): Promise<TransportAnswer>;
  close(): Promise<void>;
}

export interface TransportOptions {
  readonly hosts: HostSettings;
  readonly proxy?: ProxyOptions;
  readonly connectTimeoutMs?: number;
  /** Default time for the answer's headers. */
  readonly headersTimeoutMs?: number;
  /** Longest silence between two pieces of a body. */
  readonly bodyTimeoutMs?: number;
}

/** A longer rest of a body costs more to read than a new connection. */
const discardLimit = 128 * 1024;

export function headersOf(raw: Readonly<Record<string, string | string[] | undefined>>): AnswerHeaders {
  const all = (name: string): readonly string[] => {
    const value = raw[name];
    return value === undefined ? [] : typeof value === "string" ? [value] : value;
  };
  return { get: (name) => all(name)[0], all, names: () => Object.keys(raw) };
}

/**
 * HTTP/1.1 over undici: one connection pool per origin with that host's TLS settings and proxy, no redirects, no
 * decoding, no retries. undici is loaded with the first request.
 */
export function createTransport(options: TransportOptions): Transport {
  const chooseProxy = createProxyChooser(options.proxy);
  const pools = new Map<string, Promise<Dispatcher>>();
  let loaded: ReturnType<typeof load> | undefined;

  const poolFor = (url: URL): Promise<Dispatcher> => {
    const known = pools.get(url.origin) ?? openPool(url);
    pools.set(url.origin, known);
    // What could not be opened is not there to be closed, and may work the next time.
    known.catch(() => pools.delete(url.origin));
    return known;
  };

  const openPool = async (url: URL): Promise<Dispatcher> => {
    const tls = tlsOptions(options.hosts(url.host) ?? {});
    const common = {
      headersTimeout: options.headersTimeoutMs ?? 60_000,
      bodyTimeout: options.bodyTimeoutMs ?? 90_000,
      keepAliveTimeout: 10_000,
      pipelining: 1,
      allowH2: false,
    };
    const connection = { ...tls, timeout: options.connectTimeoutMs ?? 15_000 };
    const proxy = chooseProxy(url);
    if (proxy === undefined) {
      loaded ??= load();
      return new (await loaded).Pool(url.origin, { ...common, connect: connection });
    }
    const { openProxyPool } = await import("./proxy-pool.ts");
    return openProxyPool(url, proxy, { ...common, connection });
  };

  return {
    send: async (request) => {
      loaded ??= load();
      const undici = await loaded;
      const { url, signal, headersTimeoutMs } = request;
      const abort = signal === undefined ? undefined : new RequestAbort(signal);
      const sending = undici.request.call(await poolFor(url), {
        origin: url.origin,
        path: url.pathname + url.search,
        method: request.method,
        headers: { ...request.headers },
        body: (request.body ?? null) as Buffer | null,
        // Or undici gives up the connection after each HEAD, lest its answer has a body. No registry's has, and what it
        // would be taken for is checked like every answer.
        reset: false,
        ...(abort === undefined ? {} : { signal: abort }),
        ...(headersTimeoutMs === undefined ? {} : { headersTimeout: headersTimeoutMs }),
      });
      // undici looks at the signal only once there is a connection.
      const answer = await unlessAborted(sending, signal).catch((error: unknown) => {
        abort?.stop();
        throw error;
      });
      if (abort !== undefined) answer.body.once("close", abort.stop);
      return {
        status: answer.statusCode,
        headers: headersOf(answer.headers),
        body: answer.body,
        discard: async () => {
          // What goes wrong with bytes that nobody wants is nobody's error.
          await answer.body.dump({ limit: discardLimit }).catch(() => {});
        },
      };
    },
    close: async () => {
      const all = [...pools.values()];
      pools.clear();
      await Promise.all(all.map(async (pool) => (await pool).destroy()));
    },
  };
}

/**
 * What undici listens to in place of a long-lived signal: one listener of the signal's own serves all requests. The
 * signal's list of listeners would keep what each request held until the whole heap is collected.
 */
class RequestAbort extends EventEmitter {
  readonly #signal: AbortSignal;
  readonly stop: () => void;

  constructor(signal: AbortSignal) {
    super();
    this.#signal = signal;
    this.stop = onAbort(signal, () => void this.emit("abort"));
  }

  get aborted(): boolean {
    return this.#signal.aborted;
  }

  get reason(): unknown {
    return this.#signal.reason;
  }
}

async function load() {
  const [pool, request] = await Promise.all([
    import("undici/lib/dispatcher/pool.js"),
    import("undici/lib/api/api-request.js"),
  ]);
  return { Pool: pool.default, request: request.default };
}
