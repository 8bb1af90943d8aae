import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import type { TestContext } from "node:test";

export interface Origin {
  /** `127.0.0.1:port`. */
  readonly host: string;
  readonly url: string;
  readonly requests: IncomingMessage[];
}

/** A server that answers as the test says, and keeps what it was asked. */
export async function startOrigin(
  t: TestContext,
  handler: (request: IncomingMessage, response: ServerResponse, url: URL) => void,
): Promise<Origin> {
  const requests: IncomingMessage[] = [];
  const server = createServer((request, response) => {
    requests.push(request);
    request.resume();
    handler(request, response, new URL(request.url ?? "/", "http://origin"));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  t.after(async () => {
    server.closeAllConnections();
    server.close();
    await once(server, "close");
  });
  const host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  return { host, url: `http://${host}`, requests };
}

/** Everything of every request that could hold a secret. */
export function seenBy(origin: Origin): string {
  return origin.requests.map(({ url, headers }) => `${url}\n${JSON.stringify(headers)}`).join("\n");
}
