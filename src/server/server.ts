import {
  createServer,
  type IncomingMessage,
  type Server,
  type ServerResponse,
  STATUS_CODES,
} from "node:http";
import type { AddressInfo, Socket } from "node:net";
import { Guard } from "./auth/guard.ts";
import type { Collected } from "./collected.ts";
import { collectAll } from "./collection.ts";
import { dispatch } from "./dispatch.ts";
import { explain, Fault, faultBody, faultOf } from "./errors.ts";
import { ClientGone, Exchange } from "./exchange.ts";
import { type LogEntry, redactQuery } from "./log.ts";
import { Metrics } from "./metrics.ts";
import { type CollectionOptions, type RegistryServerOptions, type Settings, settingsOf } from "./options.ts";
import { RateLimit } from "./rate.ts";
import { refusalOf } from "./refusal.ts";
import type { Repositories } from "./repositories/repository.ts";
import { methodsOf, parseRoute } from "./router.ts";
import { Sessions } from "./sessions.ts";
import { createTlsServer } from "./tls.ts";

export interface Listening {
  readonly url: string;
  readonly host: string;
  readonly port: number;
}

export interface RegistryServer {
  /** Default: a free port of 127.0.0.1. @throws the system's error when the address cannot be used */
  listen(where?: { readonly host?: string; readonly port?: number }): Promise<Listening>;
  /** Takes no more connections, waits for the requests under way, and ends those that take longer than `graceMs` (default 10 s). */
  close(options?: { readonly graceMs?: number }): Promise<void>;
  /** Removes what nothing leads to; safe while serving. */
  collect(options?: CollectionOptions): Promise<Collected>;
}

/**
 * A registry for OCI content: distribution-spec 1.1 and what its main branch adds.
 * @throws LadingError ERR_LADING_USAGE for options that contradict themselves
 */
export function createRegistryServer(options: RegistryServerOptions): RegistryServer {
  return new Registry(options);
}

const knownMethods = new Set(Object.values(methodsOf).flat());

class Registry implements RegistryServer {
  readonly #settings: Settings;
  readonly #repositories: Repositories;
  readonly #sessions: Sessions;
  readonly #metrics = new Metrics();
  readonly #guard: Guard;
  readonly #rate: RateLimit | undefined;
  readonly #options: RegistryServerOptions;
  readonly #server: Server;
  readonly #exchanges = new Map<Socket, Exchange>();
  readonly #stop = new AbortController();
  readonly #timers: NodeJS.Timeout[] = [];
  #collecting: Promise<Collected> | undefined;
  #active = 0;
  #idle: (() => void) | undefined;
  #closed: Promise<void> | undefined;

  constructor(options: RegistryServerOptions) {
    this.#options = options;
    this.#settings = settingsOf(options);
    this.#repositories = options.repositories;
    this.#sessions = new Sessions(this.#settings.limits);
    this.#guard = new Guard({
      secure: options.tls !== undefined,
      ...(options.passwords === undefined ? {} : { passwords: options.passwords }),
      ...(options.tokens === undefined ? {} : { tokens: options.tokens }),
      ...(options.rights === undefined ? {} : { rights: options.rights }),
    });
    this.#rate = options.rateLimit === undefined ? undefined : new RateLimit(options.rateLimit);
    this.#metrics.gauge("uploads", () => this.#sessions.size);
    this.#metrics.gauge("requests_active", () => this.#active);
    this.#server = this.#createServer();
  }

  #createServer(): Server {
    const { limits } = this.#settings;
    const settings = {
      maxHeaderSize: limits.headerBytes,
      headersTimeout: limits.headersMs,
      // The whole of an upload may take hours; how slow it may be is decided where bodies are read.
      requestTimeout: 0,
      keepAliveTimeout: Math.min(limits.idleMs, 65_000),
      connectionsCheckingInterval: Math.max(100, Math.min(5000, limits.headersMs / 4)),
      highWaterMark: 256 * 1024,
      handshakeTimeout: limits.headersMs,
    };
    const { tls } = this.#options;
    const server = tls === undefined ? createServer(settings) : createTlsServer(tls, settings);
    server.maxConnections = limits.connections;
    server.timeout = limits.idleMs;
    server.on("request", (request, response) => void this.#serve(request, response, false));
    server.on("checkContinue", (request, response) => void this.#serve(request, response, true));
    server.on("checkExpectation", (_request, response: ServerResponse) => {
      const body = faultBody(new Fault(417, "UNSUPPORTED", "the only expectation met here is 100-continue"));
      const headers = { "content-type": "application/json", "content-length": body.byteLength };
      response.writeHead(417, { ...headers, connection: "close" }).end(body);
    });
    server.on("timeout", (socket: Socket) => {
      const exchange = this.#exchanges.get(socket);
      if (exchange === undefined || exchange.waitingForClient) socket.destroy();
    });
    server.on("clientError", (error, socket) => this.#refuse(error, socket as Socket));
    return server;
  }

  async listen(where: { readonly host?: string; readonly port?: number } = {}): Promise<Listening> {
    const host = where.host ?? "127.0.0.1";
    await new Promise<void>((resolve, reject) => {
      this.#server.once("error", reject);
      this.#server.listen({ host, port: where.port ?? 0 }, () => {
        this.#server.off("error", reject);
        resolve();
      });
    });
    const { port } = this.#server.address() as AddressInfo;
    const scheme = this.#options.tls === undefined ? "http" : "https";
    const url = `${scheme}://${host.includes(":") ? `[${host}]` : host}:${port}`;
    this.#log("info", "listening", `listening on ${url}`, { url });
    this.#schedule();
    return { url, host, port };
  }

  #schedule(): void {
    // Cleaning up is a change, too; the disk may not even take it.
    if (this.#settings.readOnly) return;
    const { collection } = this.#options;
    const { uploadExpiryMs } = this.#settings.limits;
    const every = (ms: number, run: () => Promise<unknown>) => {
      const timer = setInterval(() => {
        run().catch((error: unknown) => this.#log("error", "failure", explain(error), {}));
      }, ms);
      this.#timers.push(timer.unref());
    };
    every(Math.max(50, Math.min(60_000, uploadExpiryMs / 2)), () => this.#expireUploads());
    if (collection?.everyMs !== undefined) every(collection.everyMs, () => this.collect());
    if (collection?.atStart === true) {
      this.collect().catch((error: unknown) => this.#log("error", "failure", explain(error), {}));
    }
  }

  async #expireUploads(): Promise<void> {
    let count = await this.#sessions.expire();
    for await (const name of this.#repositories.names()) {
      if (this.#stop.signal.aborted) break;
      const repository = await this.#repositories.find(name);
      count += (await repository?.content.expireUploads(this.#settings.limits.uploadExpiryMs)) ?? 0;
    }
    this.#metrics.add("expired_uploads", count);
  }

  collect(options: CollectionOptions = {}): Promise<Collected> {
    this.#collecting ??= this.#collectNow({ ...this.#options.collection, ...options }).finally(() => {
      this.#collecting = undefined;
    });
    return this.#collecting;
  }

  async #collectNow(options: CollectionOptions): Promise<Collected> {
    const collected = await collectAll(this.#repositories, options, this.#stop.signal);
    this.#metrics.add("collected_blobs", collected.blobs);
    this.#metrics.add("collected_bytes", collected.bytes);
    const { manifests, blobs, bytes } = collected;
    this.#log("info", "collected", "removed what nothing leads to", { manifests, blobs, bytes });
    return collected;
  }

  close(options: { readonly graceMs?: number } = {}): Promise<void> {
    this.#closed ??= this.#closeNow(options.graceMs ?? 10_000);
    return this.#closed;
  }

  async #closeNow(graceMs: number): Promise<void> {
    this.#log("info", "closing", "taking no more requests", {});
    for (const timer of this.#timers) clearInterval(timer);
    const closed = new Promise<void>((resolve) => {
      if (this.#server.listening) this.#server.close(() => resolve());
      else resolve();
    });
    this.#server.closeIdleConnections();
    const cut = setTimeout(() => this.#server.closeAllConnections(), graceMs);
    // A connection that is between two requests must not hold the rest up.
    const sweep = setInterval(() => this.#server.closeIdleConnections(), 50);
    await closed;
    clearTimeout(cut);
    clearInterval(sweep);
    this.#stop.abort(new Error("the registry is closing"));
    // Connections are gone; handlers may still be busy with the disk.
    if (this.#active > 0) {
      await new Promise<void>((resolve) => {
        this.#idle = resolve;
      });
    }
    await this.#collecting?.catch(() => {});
    await this.#repositories.close();
  }

  async #serve(request: IncomingMessage, response: ServerResponse, expectsContinue: boolean): Promise<void> {
    const started = performance.now();
    const { limits } = this.#settings;
    const exchange = new Exchange(request, response, limits, expectsContinue);
    const { socket } = request;
    this.#exchanges.set(socket, exchange);
    this.#active++;
    // Without a listener a broken connection would end the process.
    request.on("error", () => {});
    response.on("error", () => {});
    response.setHeader("docker-distribution-api-version", "registry/2.0");
    if (this.#closed !== undefined) response.setHeader("connection", "close");
    let endpoint = "other";
    try {
      const route = this.#routeOf(exchange);
      endpoint = route.kind;
      const { exchange: own, base } = { exchange, base: this.#baseContext(exchange) };
      await dispatch(route, this.#guard, base, () => this.#health(own));
    } catch (error) {
      await this.#fail(exchange, error);
    } finally {
      if (this.#exchanges.get(socket) === exchange) this.#exchanges.delete(socket);
      this.#record(exchange, endpoint, (performance.now() - started) / 1000);
      this.#active--;
      if (this.#active === 0) this.#idle?.();
    }
  }

  #baseContext(exchange: Exchange) {
    return {
      exchange,
      settings: this.#settings,
      repositories: this.#repositories,
      sessions: this.#sessions,
      metrics: this.#metrics,
    };
  }

  #routeOf(exchange: Exchange) {
    if ((exchange.request.url ?? "").length > this.#settings.limits.urlLength) {
      throw new Fault(414, "REQUEST_INVALID", "the request's path and query are too long");
    }
    this.#rate?.take(exchange.request.socket.remoteAddress ?? "");
    const route = parseRoute(exchange.path);
    if (route === undefined) throw new Fault(404, "NAME_UNKNOWN", "there is no such end-point");
    return route;
  }

  async #health(exchange: Exchange): Promise<void> {
    const closing = this.#closed !== undefined;
    await exchange.send(
      closing ? 503 : 200,
      { "content-type": "text/plain; charset=utf-8" },
      Buffer.from(closing ? "closing\n" : "ok\n"),
    );
  }

  async #fail(exchange: Exchange, error: unknown): Promise<void> {
    const { request, response } = exchange;
    const gone =
      error instanceof ClientGone || response.destroyed || (request.destroyed && !request.complete);
    if (gone) return;
    const fault = faultOf(error);
    if (fault.status >= 500)
      this.#log("error", "failure", explain(error), { path: exchange.path.slice(0, 512) });
    if (response.headersSent) {
      // The length was promised: only a broken connection tells the client that this is not all.
      response.destroy();
      return;
    }
    try {
      await exchange.send(
        fault.status,
        { "content-type": "application/json", ...fault.headers },
        faultBody(fault),
      );
    } catch {
      // The client went while it was told.
    }
  }

  #record(exchange: Exchange, endpoint: string, seconds: number): void {
    const { method, response, request, principal } = exchange;
    const complete = response.writableEnded && !response.destroyed;
    const status = complete || response.writableFinished ? response.statusCode : 499;
    this.#metrics.request(endpoint, knownMethods.has(method) ? method : "other", status, seconds);
    this.#metrics.add("bytes_received", exchange.received);
    this.#metrics.add("bytes_sent", exchange.sent);
    const query = redactQuery(exchange.query);
    this.#log(status >= 500 ? "error" : "info", "request", `${method} ${exchange.path.slice(0, 512)}`, {
      status,
      ms: Math.round(seconds * 1000),
      received: exchange.received,
      sent: exchange.sent,
      address: request.socket.remoteAddress ?? "",
      ...(query === "" ? {} : { query }),
      ...(principal.kind === "user" ? { user: principal.name } : {}),
      ...(exchange.header("user-agent") === undefined
        ? {}
        : { agent: (exchange.header("user-agent") ?? "").slice(0, 200) }),
    });
  }

  /** A request that is none: answered as well as it can be, since nobody knows what the client understands. */
  #refuse(error: Error, socket: Socket): void {
    const { level, message, answer } = refusalOf(error, socket.bytesRead);
    this.#log(level, "refused", message, { address: socket.remoteAddress ?? "" });
    const answering = this.#exchanges.get(socket)?.response.headersSent ?? false;
    if (answer === undefined || !socket.writable || answering) {
      socket.destroy();
      return;
    }
    const body = faultBody(answer);
    const head = [
      `HTTP/1.1 ${answer.status} ${STATUS_CODES[answer.status]}`,
      "Content-Type: application/json",
      `Content-Length: ${body.byteLength}`,
      "Connection: close",
    ];
    socket.end(`${head.join("\r\n")}\r\n\r\n${body}`);
  }

  #log(
    level: LogEntry["level"],
    event: LogEntry["event"],
    message: string,
    fields: LogEntry["fields"],
  ): void {
    this.#options.log?.({ time: new Date().toISOString(), level, event, message, fields });
  }
}
