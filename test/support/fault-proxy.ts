import { once } from "node:events";
import {
  Agent,
  createServer,
  request as forward,
  type IncomingHttpHeaders,
  type IncomingMessage,
  type Server,
  type ServerResponse,
} from "node:http";
import type { AddressInfo } from "node:net";
import type { TestContext } from "node:test";

/** What goes wrong with one request. */
export type FaultAction =
  /** The connection breaks after this many bytes of the request's body; what came before is forwarded. */
  | { readonly kind: "drop-request"; readonly after: number }
  /** The connection breaks after this many bytes of the answer's body. */
  | { readonly kind: "drop-response"; readonly after: number }
  /** The registry gets and does everything, and its answer is lost whole. */
  | { readonly kind: "lose-response" }
  /** The answer has only its first bytes, and says that this is all. */
  | { readonly kind: "truncate"; readonly bytes: number }
  /** One byte of the answer's body is another. */
  | { readonly kind: "wrong-bytes" }
  /** Some bytes more than there are. */
  | { readonly kind: "extra-bytes" }
  /** An answer that the registry never gave; it does not see the request. */
  | {
      readonly kind: "status";
      readonly status: number;
      readonly headers?: Readonly<Record<string, string>>;
      readonly body?: string;
    }
  | { readonly kind: "delay"; readonly ms: number }
  /** `Range` is not passed on: the answer is the whole with 200. */
  | { readonly kind: "ignore-range" }
  /** The same content is to be had at another origin, which records who asks. */
  | { readonly kind: "redirect"; readonly status?: number }
  /** From here on, upload locations change with every answer, and only the newest one works. */
  | { readonly kind: "rotate-locations" }
  /** The registry has forgotten the upload session of this request. Other requests pass. */
  | { readonly kind: "expire-session" }
  /** 401 that names a token service (the proxy itself), which gives a token to anybody. */
  | { readonly kind: "unauthorized" }
  /** 429; `Retry-After` in either form. */
  | { readonly kind: "rate-limit"; readonly retryAfter: string }
  /** A web page in place of an answer. */
  | { readonly kind: "html"; readonly status: number }
  /** The answer's body trickles. */
  | { readonly kind: "slow"; readonly chunkBytes: number; readonly everyMs: number };

export interface Fault {
  /** Which request: all that is given has to fit. */
  readonly match?: {
    readonly method?: string;
    /** Against path and query. */
    readonly path?: RegExp;
    /** The n-th request that the proxy sees, from 0. */
    readonly index?: number;
  };
  /** How many requests it hits; default 1. */
  readonly times?: number;
  readonly action: FaultAction;
}

export interface RecordedRequest {
  readonly method: string;
  /** Path and query. */
  readonly url: string;
  readonly headers: IncomingHttpHeaders;
  readonly index: number;
  /** Bytes of the body that arrived. */
  bytes: number;
  /** Of the answer; 0 when there was none. */
  status: number;
  /** The fault that it met. */
  readonly fault: FaultAction["kind"] | undefined;
}

export interface FaultProxy {
  /** `127.0.0.1:port`; to be used as the registry's host. */
  readonly host: string;
  /** What clients asked for, the token service's requests aside. */
  readonly requests: RecordedRequest[];
  /** Requests at the other origin of `redirect`. */
  readonly elsewhere: RecordedRequest[];
  readonly tokenRequests: RecordedRequest[];
  /** Sets the script and forgets what was recorded. */
  script(...faults: readonly Fault[]): void;
}

const proxyToken = "token-of-the-fault-proxy";

/** A reverse proxy in front of a registry that does what its script says and else nothing. It ends with the test. */
export async function startFaultProxy(
  t: TestContext,
  target: string,
  ...faults: readonly Fault[]
): Promise<FaultProxy> {
  const agent = new Agent({ keepAlive: true, maxSockets: 64 });
  const requests: RecordedRequest[] = [];
  const elsewhere: RecordedRequest[] = [];
  const tokenRequests: RecordedRequest[] = [];
  let open: { fault: Fault; left: number }[] = [];
  let rotation: Rotation | undefined;

  const script = (...next: readonly Fault[]): void => {
    open = next.map((fault) => ({ fault, left: fault.times ?? 1 }));
    rotation = undefined;
    for (const list of [requests, elsewhere, tokenRequests]) list.length = 0;
  };
  script(...faults);

  const pick = (request: IncomingMessage, index: number): FaultAction | undefined => {
    const found = open.find(({ fault: { match = {} }, left }) => {
      if (left === 0) return false;
      if (match.method !== undefined && match.method !== request.method) return false;
      if (match.path !== undefined && !match.path.test(request.url ?? "")) return false;
      return match.index === undefined || match.index === index;
    });
    if (found === undefined) return undefined;
    found.left--;
    return found.fault.action;
  };

  const other = await listen(t, (request, response) => {
    const record = recordOf(request, elsewhere.length, undefined);
    elsewhere.push(record);
    pass({ request, response, record, target, agent, action: undefined, rotation: undefined });
  });

  const main = await listen(t, (request, response) => {
    if (request.url?.startsWith("/token") === true) {
      tokenRequests.push(recordOf(request, tokenRequests.length, undefined));
      request.resume();
      response.setHeader("content-type", "application/json");
      response.end(JSON.stringify({ token: proxyToken, expires_in: 300 }));
      return;
    }
    const action = pick(request, requests.length);
    const record = recordOf(request, requests.length, action?.kind);
    requests.push(record);
    if (action?.kind === "rotate-locations") rotation ??= new Rotation();
    const answered = answerAlone(action, request, response, record, { main: main.host, other: other.host });
    if (!answered) pass({ request, response, record, target, agent, action, rotation });
  });

  t.after(() => agent.destroy());
  return { host: main.host, requests, elsewhere, tokenRequests, script };
}

function recordOf(
  request: IncomingMessage,
  index: number,
  fault: FaultAction["kind"] | undefined,
): RecordedRequest {
  return {
    method: request.method ?? "",
    url: request.url ?? "",
    headers: request.headers,
    index,
    bytes: 0,
    status: 0,
    fault,
  };
}

async function listen(
  t: TestContext,
  handler: (request: IncomingMessage, response: ServerResponse) => void,
): Promise<{ host: string; server: Server }> {
  const server = createServer({ requestTimeout: 0, headersTimeout: 0 }, (request, response) => {
    // Connections break on purpose here.
    request.on("error", () => {});
    response.on("error", () => {});
    handler(request, response);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  t.after(async () => {
    server.closeAllConnections();
    server.close();
    await once(server, "close");
  });
  return { host: `127.0.0.1:${(server.address() as AddressInfo).port}`, server };
}

/** Faults that the registry never sees. */
function answerAlone(
  action: FaultAction | undefined,
  request: IncomingMessage,
  response: ServerResponse,
  record: RecordedRequest,
  hosts: { main: string; other: string },
): boolean {
  const answer = (status: number, headers: Readonly<Record<string, string>>, body: string): true => {
    record.status = status;
    request.resume();
    response.writeHead(status, { ...headers, "content-length": Buffer.byteLength(body) });
    response.end(request.method === "HEAD" ? "" : body);
    return true;
  };
  const json = { "content-type": "application/json" };
  switch (action?.kind) {
    case "status":
      return answer(action.status, action.headers ?? {}, action.body ?? "");
    case "html":
      return answer(action.status, { "content-type": "text/html" }, "<html><body>Bad gateway</body></html>");
    case "rate-limit":
      return answer(
        429,
        { ...json, "retry-after": action.retryAfter },
        '{"errors":[{"code":"TOOMANYREQUESTS","message":"slow down"}]}',
      );
    case "unauthorized":
      return answer(
        401,
        { ...json, "www-authenticate": `Bearer realm="http://${hosts.main}/token",service="fault-proxy"` },
        '{"errors":[{"code":"UNAUTHORIZED","message":"authentication required"}]}',
      );
    case "redirect":
      return answer(
        action.status ?? 307,
        {
          location: `http://${hosts.other}${request.url ?? "/"}${request.url?.includes("?") ? "&" : "?"}signature=s3cret`,
        },
        "",
      );
    case "expire-session":
      if (!isSession(request.url ?? "")) return false;
      return answer(
        404,
        json,
        '{"errors":[{"code":"BLOB_UPLOAD_UNKNOWN","message":"blob upload unknown to registry"}]}',
      );
    default:
      return false;
  }
}

function isSession(url: string): boolean {
  return /\/blobs\/uploads\/[^/?]/.test(url);
}

/** Gives every answer of an upload session a fresh number, and takes only the newest. */
class Rotation {
  readonly #newest = new Map<string, number>();
  #counter = 0;

  next(location: string): string {
    const url = new URL(location, "http://session");
    this.#newest.set(url.pathname, ++this.#counter);
    url.searchParams.set("rotation", String(this.#counter));
    return location.startsWith("http") ? url.href : url.pathname + url.search;
  }

  /** @returns the path without the number, or undefined when it is an old one */
  check(path: string): string | undefined {
    const url = new URL(path, "http://session");
    const newest = this.#newest.get(url.pathname);
    if (newest !== undefined && url.searchParams.get("rotation") !== String(newest)) return undefined;
    url.searchParams.delete("rotation");
    return url.pathname + url.search;
  }
}

interface Passing {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly record: RecordedRequest;
  readonly target: string;
  readonly agent: Agent;
  readonly action: FaultAction | undefined;
  readonly rotation: Rotation | undefined;
}

function pass({ request, response, record, target, agent, action, rotation }: Passing): void {
  const url = new URL(request.url ?? "/", `http://${target}`);
  url.searchParams.delete("signature");
  let path: string | undefined = url.pathname + url.search;
  if (rotation !== undefined && isSession(path)) path = rotation.check(path);
  if (path === undefined) {
    request.resume();
    record.status = 404;
    response.writeHead(404, { "content-type": "application/json" });
    response.end('{"errors":[{"code":"BLOB_UPLOAD_UNKNOWN","message":"an old location"}]}');
    return;
  }
  const headers = { ...request.headers };
  if (headers.authorization === `Bearer ${proxyToken}`) delete headers.authorization;
  if (action?.kind === "ignore-range") delete headers.range;
  const [host, port] = target.split(":");
  const onward = forward({ host, port, agent, method: request.method, path, headers });
  const broken = (): void => {
    response.destroy();
    request.destroy();
  };
  onward.on("error", broken);
  response.on("close", () => {
    if (!response.writableFinished) onward.destroy();
  });
  onward.on("response", (answer) => void giveBack(answer, response, record, action, rotation).catch(broken));
  const start = (): void => {
    request.on("data", (chunk: Buffer) => {
      const room = action?.kind === "drop-request" ? action.after - record.bytes : chunk.length;
      record.bytes += Math.min(chunk.length, room);
      if (room < chunk.length || (action?.kind === "drop-request" && record.bytes >= action.after)) {
        // What came before still reaches the registry.
        onward.write(chunk.subarray(0, room), () =>
          setTimeout(() => {
            onward.destroy();
            broken();
          }, 20),
        );
        request.pause();
        request.removeAllListeners("data");
        request.removeAllListeners("end");
        return;
      }
      if (!onward.write(chunk)) {
        request.pause();
        onward.once("drain", () => request.resume());
      }
    });
    request.on("end", () => {
      if (action?.kind === "drop-request") {
        onward.destroy();
        broken();
      } else onward.end();
    });
  };
  // A delay that nobody waits for any more keeps no test alive.
  if (action?.kind === "delay") setTimeout(start, action.ms).unref();
  else start();
}

async function giveBack(
  answer: IncomingMessage,
  response: ServerResponse,
  record: RecordedRequest,
  action: FaultAction | undefined,
  rotation: Rotation | undefined,
): Promise<void> {
  const headers = { ...answer.headers };
  const { location } = headers;
  if (rotation !== undefined && location !== undefined && isSession(location))
    headers.location = rotation.next(location);
  if (action?.kind === "lose-response") {
    answer.resume();
    await once(answer, "end");
    response.destroy();
    return;
  }
  record.status = answer.statusCode ?? 0;
  const length = Number(headers["content-length"] ?? Number.NaN);
  if (!Number.isNaN(length) && record.method !== "HEAD") {
    if (action?.kind === "truncate") headers["content-length"] = String(Math.min(length, action.bytes));
    if (action?.kind === "extra-bytes") headers["content-length"] = String(length + 5);
  }
  response.writeHead(record.status, headers);
  let sent = 0;
  for await (const chunk of answer as AsyncIterable<Buffer>) {
    let piece = chunk;
    if (action?.kind === "wrong-bytes" && sent === 0) {
      piece = Buffer.from(chunk);
      const at = piece.length >> 1;
      piece[at] = (piece[at] ?? 0) ^ 0x20;
    }
    const room =
      action?.kind === "drop-response"
        ? action.after - sent
        : action?.kind === "truncate"
          ? action.bytes - sent
          : piece.length;
    await write(response, piece.subarray(0, Math.max(0, room)), action);
    sent += piece.length;
    if (room < piece.length) break;
  }
  if (action?.kind === "drop-response") {
    response.flushHeaders();
    setTimeout(() => response.destroy(), 10);
    return;
  }
  if (action?.kind === "extra-bytes" && record.method !== "HEAD") response.write("extra");
  response.end();
}

async function write(
  response: ServerResponse,
  bytes: Buffer,
  action: FaultAction | undefined,
): Promise<void> {
  if (bytes.length === 0) return;
  const step = action?.kind === "slow" ? action.chunkBytes : bytes.length;
  for (let at = 0; at < bytes.length; at += step) {
    const more = response.write(bytes.subarray(at, at + step));
    if (action?.kind === "slow") await new Promise((resolve) => setTimeout(resolve, action.everyMs));
    else if (!more) await writable(response);
  }
}

/** Waits until the client has taken what was written, or has gone. */
function writable(response: ServerResponse): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      response.off("drain", done);
      response.off("close", done);
      resolve();
    };
    response.once("drain", done);
    response.once("close", done);
    if (response.destroyed) done();
  });
}
