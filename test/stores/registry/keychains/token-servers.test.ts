import assert from "node:assert/strict";
import type { ServerResponse } from "node:http";
import test from "node:test";
import { createTokenServers } from "../../../../src/stores/registry/auth/keychains/token-servers.ts";
import { type Asked, json, keychains, startTokenServer } from "./support.ts";

const principal = {
  AZURE_CLIENT_ID: "client",
  AZURE_TENANT_ID: "tenant",
  AZURE_CLIENT_SECRET: "s3cret-of-azure",
};

const hostile: [string, RegExp, (asked: Asked, response: ServerResponse) => void][] = [
  ["refuses", /answered HTTP 401/, ({ body }, response) => json(response, { error: body }, 401)],
  [
    "redirects",
    /answered HTTP 307/,
    (_asked, response) => {
      response.writeHead(307, { location: "/elsewhere" }).end();
    },
  ],
  [
    "is huge",
    /the token server's answer/,
    (_asked, response) => {
      response.writeHead(200).end(JSON.stringify({ access_token: "x".repeat(1_000_000) }));
    },
  ],
  [
    "sends a web page",
    /did not answer with JSON/,
    ({ body }, response) => {
      response.writeHead(200, { "content-type": "text/html" }).end(`<p>${body}</p>`);
    },
  ],
  [
    "sends a list",
    /did not answer with a JSON object/,
    (_asked, response) => json(response, ["s3cret-of-azure"]),
  ],
  ["sends no token", /has no access_token/, (_asked, response) => json(response, { access_token: 7 })],
  [
    "splits a header",
    /has no access_token/,
    (_asked, response) => json(response, { access_token: "a\r\nb: c" }),
  ],
  ["hangs up", /failed/, (_asked, response) => response.destroy()],
];

for (const [what, reason, answer] of hostile) {
  test(`a token server that ${what} leaves it to the next source, and the secret is not told`, async (t) => {
    const server = await startTokenServer(t, answer);
    const asking = await keychains(t, ["aks", "github"], {
      variables: principal,
      endpoints: { azure: { login: server.url, registry: () => server.url } },
    });
    assert.equal(await asking.find("team.azurecr.io"), undefined);
    assert.equal(server.asked.length, 1);
    assert.match(asking.said.join("\n"), reason);
    assert.doesNotMatch(asking.said.join("\n"), /s3cret/);
  });
}

test("a token server that never answers is given up", async (t) => {
  const server = await startTokenServer(t, () => {});
  const servers = createTokenServers(undefined, {});
  await assert.rejects(servers.ask({ method: "GET", url: new URL(server.url), timeoutMs: 200 }), {
    name: "TimeoutError",
  });
});

test("one that drips its answer is given up as well", async (t) => {
  const server = await startTokenServer(t, (_asked, response) => {
    response.writeHead(200);
    const drip = setInterval(() => response.write(" "), 20);
    response.once("close", () => clearInterval(drip));
  });
  const servers = createTokenServers(undefined, {});
  await assert.rejects(servers.ask({ method: "GET", url: new URL(server.url), timeoutMs: 300 }));
});
