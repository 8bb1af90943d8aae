import assert from "node:assert/strict";
import { Agent, request } from "undici";

/** A registry that is to be checked. */
export interface Target {
  /** Scheme, host and port. */
  readonly url: string;
  /** Repositories are made below this path. */
  readonly prefix: string;
  /** Value of the Authorization header. */
  readonly authorization?: string;
  /** Certificate that the registry's is signed with, PEM. */
  readonly ca?: string;
}

export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: Buffer;
  /** The absolute URL of the Location header. */
  readonly location: string;
}

export interface RequestOptions {
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Uint8Array | AsyncIterable<Uint8Array>;
}

/** Talks to one repository in plain HTTP, without any cleverness that could hide a fault. */
export class Client {
  readonly target: Target;
  readonly repository: string;
  readonly #agent: Agent;

  constructor(target: Target, repository: string, agent?: Agent) {
    this.target = target;
    this.repository = `${target.prefix}/${repository}`;
    this.#agent = agent ?? new Agent({ ...(target.ca === undefined ? {} : { connect: { ca: target.ca } }) });
  }

  /** Another repository of the same registry. */
  beside(repository: string): Client {
    return new Client(this.target, repository, this.#agent);
  }

  close(): Promise<void> {
    return this.#agent.close();
  }

  /** `path` is absolute, or a path below `/v2/<repository>/`. */
  async send(method: string, path: string, options: RequestOptions = {}): Promise<Answer> {
    const url = new URL(
      /^https?:/.test(path) || path.startsWith("/") ? path : `/v2/${this.repository}/${path}`,
      this.target.url,
    );
    const answer = await request(url, {
      method: method as "GET",
      dispatcher: this.#agent,
      headers: {
        ...(this.target.authorization === undefined ? {} : { authorization: this.target.authorization }),
        ...options.headers,
      },
      ...(options.body === undefined ? {} : { body: options.body as Buffer }),
    });
    const body = Buffer.from(await answer.body.arrayBuffer());
    const location = answer.headers["location"];
    return {
      status: answer.statusCode,
      headers: answer.headers,
      body,
      location: typeof location === "string" ? new URL(location, url).href : "",
    };
  }

  /** @throws AssertionError when the status is none of these, with what the registry said */
  async expect(
    status: number | readonly number[],
    method: string,
    path: string,
    options: RequestOptions = {},
  ): Promise<Answer> {
    const answer = await this.send(method, path, options);
    const wanted = typeof status === "number" ? [status] : status;
    if (!wanted.includes(answer.status)) {
      assert.fail(
        `${method} ${path.slice(0, 120)}: expected ${wanted.join(" or ")}, got ${answer.status} ${answer.body.toString().slice(0, 300)}`,
      );
    }
    if (answer.status >= 400 && method !== "HEAD" && answer.body.byteLength > 0) checkErrorBody(answer);
    return answer;
  }
}

function checkErrorBody(answer: Answer): void {
  const { errors } = JSON.parse(answer.body.toString()) as { errors: { code: string }[] };
  assert.ok(Array.isArray(errors) && errors.length > 0, "an error body lists errors");
  for (const { code } of errors) assert.match(code, /^[A-Z_]+$/);
}

/** The URL with one more key in its query. */
export function withQuery(url: string, key: string, value: string): string {
  const result = new URL(url);
  result.searchParams.append(key, value);
  return result.href;
}
