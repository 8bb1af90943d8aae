import type { IncomingMessage, ServerResponse } from "node:http";
import type { ByteStream } from "../bytes/stream.ts";
import type { Principal } from "./auth/principal.ts";
import { Fault } from "./errors.ts";
import type { ServerLimits } from "./options.ts";
import { Patience } from "./patience.ts";

export type Headers = Readonly<Record<string, string | number | readonly string[]>>;

/** One request with its answer. */
export class Exchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly method: string;
  readonly path: string;
  readonly query: URLSearchParams;
  /** Set once it is known who asks. */
  principal: Principal = { kind: "anonymous" };
  received = 0;
  sent = 0;
  /** Whose turn it is: a client that lets us wait is cut off after a while, a busy server is not. */
  waitingForClient = false;
  readonly #limits: ServerLimits;
  #expectsContinue: boolean;

  constructor(
    request: IncomingMessage,
    response: ServerResponse,
    limits: ServerLimits,
    expectsContinue: boolean,
  ) {
    this.request = request;
    this.response = response;
    this.method = request.method ?? "GET";
    this.#limits = limits;
    this.#expectsContinue = expectsContinue;
    const target = originForm(request.url ?? "/");
    const mark = target.indexOf("?");
    this.path = mark < 0 ? target : target.slice(0, mark);
    this.query = new URLSearchParams(mark < 0 ? "" : target.slice(mark + 1));
  }

  header(name: string): string | undefined {
    const value = this.request.headers[name];
    return Array.isArray(value) ? value[0] : value;
  }

  /** Bytes that the client says its body has. */
  get contentLength(): number | undefined {
    const text = this.header("content-length");
    return text === undefined ? undefined : Number(text);
  }

  /**
   * The request's body. Leaving the stream early does not break the connection: the answer can still be sent.
   * @param limit bytes; more is a 413
   */
  async *body(limit: number, what: string, signal?: AbortSignal): AsyncGenerator<Uint8Array> {
    const tooLarge = () => new Fault(413, "SIZE_INVALID", `${what} may have ${limit} bytes at most`);
    if ((this.contentLength ?? 0) > limit) throw tooLarge();
    if (this.#expectsContinue) {
      this.#expectsContinue = false;
      this.response.writeContinue();
    }
    const stop = () => this.request.destroy(new Error("another request took this upload over"));
    signal?.throwIfAborted();
    signal?.addEventListener("abort", stop, { once: true });
    const patience = new Patience(this.#limits.idleMs, this.#limits.minBytesPerSecond);
    let taken = 0;
    try {
      patience.wait();
      this.waitingForClient = true;
      for await (const chunk of this.request.iterator({ destroyOnReturn: false })) {
        const bytes = chunk as Buffer;
        this.waitingForClient = false;
        taken += bytes.byteLength;
        this.received += bytes.byteLength;
        if (taken > limit) throw tooLarge();
        patience.moved(bytes.byteLength);
        yield bytes;
        patience.wait();
        this.waitingForClient = true;
      }
    } finally {
      this.waitingForClient = false;
      signal?.removeEventListener("abort", stop);
    }
  }

  /** Answers with a body in memory, or with none. */
  async send(status: number, headers: Headers = {}, body?: Uint8Array): Promise<void> {
    const { response } = this;
    const bodiless = status === 204 || status === 304;
    response.writeHead(status, {
      ...(headers as Record<string, string | number | string[]>),
      ...(bodiless || "content-length" in headers ? {} : { "content-length": body?.byteLength ?? 0 }),
      // A client that was not told to go on may send the body or not: nobody can say where the next request starts.
      ...(this.#expectsContinue ? { connection: "close" } : {}),
    });
    const shown = this.method === "HEAD" || bodiless ? undefined : body;
    if (shown !== undefined && shown.byteLength > 0) await this.#write(shown);
    else response.flushHeaders();
    await this.#drain();
    response.end();
  }

  sendJson(status: number, value: unknown, headers: Headers = {}): Promise<void> {
    const body = Buffer.from(JSON.stringify(value));
    return this.send(status, { "content-type": "application/json", ...headers }, body);
  }

  /** Answers with `size` bytes of a stream, at the pace of the client. */
  async sendStream(
    status: number,
    headers: Headers,
    size: number,
    open: () => Promise<ByteStream>,
  ): Promise<void> {
    if (this.method === "HEAD" || size === 0) {
      return this.send(status, { ...headers, "content-length": size });
    }
    const stream = await open();
    this.response.writeHead(status, {
      ...(headers as Record<string, string | number | string[]>),
      "content-length": size,
    });
    const patience = new Patience(this.#limits.idleMs, this.#limits.minBytesPerSecond);
    let left = size;
    for await (const chunk of stream) {
      const bytes = chunk.byteLength > left ? chunk.subarray(0, left) : chunk;
      left -= bytes.byteLength;
      patience.wait();
      // The chunk is ours until the next one is asked for: it must have left for the kernel by then.
      if (bytes.byteLength > 0) await this.#write(bytes);
      patience.moved(bytes.byteLength);
      if (left === 0) break;
    }
    if (left > 0) throw new Error(`the stored content is ${left} bytes short`);
    this.response.end();
  }

  #write(bytes: Uint8Array): Promise<void> {
    this.waitingForClient = true;
    return new Promise<void>((resolve, reject) => {
      const gone = () => settle(new ClientGone());
      const settle = (error?: Error | null) => {
        this.waitingForClient = false;
        this.response.off("close", gone);
        if (error === undefined || error === null) {
          this.sent += bytes.byteLength;
          resolve();
        } else reject(new ClientGone());
      };
      if (this.response.destroyed || this.response.socket?.destroyed === true) return gone();
      this.response.once("close", gone);
      this.response.write(bytes, settle);
    });
  }

  /**
   * Reads and drops what the client still sends after its answer was written. Closing at once would reset the connection,
   * and the client would see that instead of the answer.
   */
  async #drain(): Promise<void> {
    const { request } = this;
    if (request.complete || request.destroyed || this.#expectsContinue) return;
    let left = this.#limits.drainBytes;
    const timer = setTimeout(() => request.destroy(), Math.min(this.#limits.idleMs, 10_000));
    try {
      for await (const chunk of request.iterator({ destroyOnReturn: false })) {
        left -= (chunk as Buffer).byteLength;
        if (left < 0) {
          this.response.end(() => request.destroy());
          return;
        }
      }
    } catch {
      // The client has its answer, and went.
    } finally {
      clearTimeout(timer);
    }
  }
}

/** The client closed the connection: nobody is left to tell. */
export class ClientGone extends Error {
  override readonly name = "ClientGone";

  constructor() {
    super("the client closed the connection");
  }
}

/** Proxies ask with the whole URL; only its path and query count here. */
function originForm(target: string): string {
  const match = /^https?:\/\/[^/?]*(.*)$/i.exec(target);
  return match === null ? target : match[1] === "" ? "/" : (match[1] ?? "/");
}
