import assert from "node:assert/strict";
import test, { type TestContext } from "node:test";
import { bodyOf } from "../../../src/bytes/body.ts";
import { type Credential, explicitCredential } from "../../../src/stores/registry/auth/credentials.ts";
import { createRegistryClient, type RegistryClientOptions } from "../../../src/stores/registry/client.ts";
import { systemClock } from "../../../src/stores/registry/http/clock.ts";
import { blob, image, writeContent } from "../../support/content.ts";
import {
  dockerRegistryPassword,
  dockerRegistryUser,
  startDockerRegistry,
} from "../../support/docker-registry.ts";
import { startOrigin } from "../../support/hostile-origin.ts";
import { needs } from "../../support/peers.ts";

function clientWith(t: TestContext, credential: Credential | undefined, options: RegistryClientOptions = {}) {
  const client = createRegistryClient({
    retry: { minDelayMs: 1, maxDelayMs: 5 },
    ...(credential === undefined ? {} : { credentials: explicitCredential(credential) }),
    ...options,
  });
  t.after(() => client.close());
  return client;
}

const good: Credential = { username: dockerRegistryUser, password: dockerRegistryPassword };

test(
  "basic: right credentials work, wrong and none are told apart from a missing image",
  needs("docker-registry"),
  async (t) => {
    const { host } = await startDockerRegistry(t, { htpasswd: true });
    const location = { registry: host, repository: "some/place" };
    await writeContent(clientWith(t, good).repository(location), image(), "v1");
    await clientWith(t, good).repository(location).resolve("v1");
    for (const credential of [undefined, { username: "user", password: "wrong" }]) {
      const store = clientWith(t, credential).repository(location);
      await assert.rejects(store.resolve("v1"), { code: "ERR_LADING_UNAUTHORIZED" });
      const each = blob(10);
      await assert.rejects(store.write(each, bodyOf(each.bytes)), { code: "ERR_LADING_UNAUTHORIZED" });
    }
    await assert.rejects(clientWith(t, good).repository(location).resolve("v2"), {
      code: "ERR_LADING_NOT_FOUND",
    });
  },
);

test("a login is checked before it is kept", needs("docker-registry"), async (t) => {
  const { host } = await startDockerRegistry(t, { htpasswd: true });
  const client = clientWith(t, undefined);
  await client.checkLogin(host, good);
  await assert.rejects(client.checkLogin(host, { ...good, password: "wrong" }), {
    code: "ERR_LADING_UNAUTHORIZED",
  });
});

interface TokenWorld {
  readonly expiresIn?: number;
  readonly post?: number;
}

/** A registry with a token service at the same host, which records what was asked. */
async function tokenWorld(t: TestContext, { expiresIn = 300, post = 200 }: TokenWorld = {}) {
  const manifest = Buffer.from('{"schemaVersion":2}');
  let serial = 0;
  let valid = new Set<string>();
  const asked: { method: string; scopes: string[]; authorization: string | undefined; form: string }[] = [];
  const origin = await startOrigin(t, (request, response, url) => {
    if (url.pathname === "/token") {
      let form = "";
      request.on("data", (chunk) => (form += chunk));
      request.on("end", () => {
        asked.push({
          method: request.method ?? "",
          scopes: url.searchParams.getAll("scope"),
          authorization: request.headers.authorization,
          form,
        });
        if (request.method === "POST" && post !== 200) {
          response.statusCode = post;
          response.end();
          return;
        }
        const token = `token-number-${++serial}`;
        valid.add(token);
        response.end(
          JSON.stringify({
            [request.method === "POST" ? "access_token" : "token"]: token,
            expires_in: expiresIn,
          }),
        );
      });
      return;
    }
    const token = request.headers.authorization?.replace(/^Bearer /, "") ?? "";
    if (!valid.has(token)) {
      const name = /^\/v2\/(.+)\/(?:manifests|blobs)\//.exec(url.pathname)?.[1] ?? "";
      const actions = request.method === "GET" || request.method === "HEAD" ? "pull" : "pull,push";
      response.writeHead(401, {
        "www-authenticate": `Bearer realm="${origin.url}/token",service="world",scope="repository:${name}:${actions}"`,
      });
      response.end();
      return;
    }
    response.writeHead(200, { "content-type": "application/vnd.oci.image.manifest.v1+json" });
    response.end(request.method === "HEAD" ? "" : manifest);
  });
  return { origin, asked, revokeAll: () => (valid = new Set()) };
}

test("bearer: one token for many requests at once, asked for with the registry's scope", async (t) => {
  const { origin, asked } = await tokenWorld(t);
  const store = clientWith(t, { username: "me", password: "secret word" }).repository({
    registry: origin.host,
    repository: "a/b",
  });
  await Promise.all(Array.from({ length: 10 }, (_, i) => store.resolve(`v${i}`)));
  await store.resolve("later");
  assert.equal(asked.length, 1);
  assert.deepEqual(asked[0]?.scopes, ["repository:a/b:pull"]);
  assert.equal(asked[0]?.authorization, `Basic ${Buffer.from("me:secret word").toString("base64")}`);
});

test("bearer: without credentials the token is asked for anonymously", async (t) => {
  const { origin, asked } = await tokenWorld(t);
  await clientWith(t, undefined).repository({ registry: origin.host, repository: "a/b" }).resolve("v1");
  assert.equal(asked[0]?.authorization, undefined);
});

test("bearer: repositories get tokens of their own", async (t) => {
  const { origin, asked } = await tokenWorld(t);
  const client = clientWith(t, undefined);
  await client.repository({ registry: origin.host, repository: "a/b" }).resolve("v1");
  await client.repository({ registry: origin.host, repository: "c" }).resolve("v1");
  assert.deepEqual(
    asked.map(({ scopes }) => scopes),
    [["repository:a/b:pull"], ["repository:c:pull"]],
  );
});

test("bearer: a token is renewed when a fifth of its life is left, and when it is refused", async (t) => {
  const { origin, asked, revokeAll } = await tokenWorld(t, { expiresIn: 100 });
  let now = Date.now();
  const client = clientWith(t, undefined, { clock: { ...systemClock, now: () => now } });
  const store = client.repository({ registry: origin.host, repository: "a/b" });
  await store.resolve("v1");
  now += 79_000;
  await store.resolve("v2");
  assert.equal(asked.length, 1);
  now += 2_000;
  await store.resolve("v3");
  assert.equal(asked.length, 2);
  revokeAll();
  await store.resolve("v4");
  assert.equal(asked.length, 3);
});

test("bearer: a token that is refused right away is an error, not a circle", async (t) => {
  const origin = await startOrigin(t, (_request, response, url) => {
    if (url.pathname === "/token") return void response.end('{"token":"good-for-nothing"}');
    response.writeHead(401, { "www-authenticate": `Bearer realm="${origin.url}/token"` });
    response.end();
  });
  const store = clientWith(t, undefined).repository({ registry: origin.host, repository: "a/b" });
  await assert.rejects(store.resolve("v1"), { code: "ERR_LADING_UNAUTHORIZED" });
  assert.equal(origin.requests.length, 3);
});

test("identity tokens go by OAuth2, and by GET where that is not known", async (t) => {
  for (const post of [200, 404, 405, 401]) {
    const { origin, asked } = await tokenWorld(t, { post });
    await clientWith(t, { identityToken: "refresh me" })
      .repository({ registry: origin.host, repository: "a/b" })
      .resolve("v1");
    const form = new URLSearchParams(asked[0]?.form);
    assert.equal(asked[0]?.method, "POST");
    assert.equal(form.get("grant_type"), "refresh_token");
    assert.equal(form.get("refresh_token"), "refresh me");
    assert.equal(form.get("service"), "world");
    assert.equal(form.get("scope"), "repository:a/b:pull");
    assert.equal(asked.length, post === 200 ? 1 : 2);
    if (post !== 200) {
      assert.equal(asked[1]?.authorization, `Basic ${Buffer.from("<token>:refresh me").toString("base64")}`);
    }
  }
});

test("a registry token is sent as it is, and its refusal is final", async (t) => {
  const { origin, asked } = await tokenWorld(t);
  const store = clientWith(t, { registryToken: "given-token" }).repository({
    registry: origin.host,
    repository: "a/b",
  });
  await assert.rejects(store.resolve("v1"), { code: "ERR_LADING_UNAUTHORIZED" });
  assert.equal(asked.length, 0);
  assert.equal(origin.requests[0]?.headers.authorization, "Bearer given-token");
});

test("a token service that says no, nothing, or something odd", async (t) => {
  const answers: readonly (readonly [number, string, string])[] = [
    [401, "{}", "ERR_LADING_UNAUTHORIZED"],
    [403, "", "ERR_LADING_UNAUTHORIZED"],
    [404, "", "ERR_LADING_NOT_FOUND"],
    [503, "", "ERR_LADING_REGISTRY"],
    [200, "<html>", "ERR_LADING_REGISTRY"],
    [200, "null", "ERR_LADING_REGISTRY"],
    [200, "{}", "ERR_LADING_REGISTRY"],
    [200, '{"token":""}', "ERR_LADING_REGISTRY"],
    [200, '{"token":"a\\r\\nevil: header"}', "ERR_LADING_REGISTRY"],
    [200, JSON.stringify({ token: "x".repeat(200_000) }), "ERR_LADING_LIMIT"],
  ];
  for (const [status, body, code] of answers) {
    const origin = await startOrigin(t, (_request, response, url) => {
      if (url.pathname === "/token") response.writeHead(status);
      else response.writeHead(401, { "www-authenticate": `Bearer realm="${origin.url}/token"` });
      response.end(url.pathname === "/token" ? body : "");
    });
    const store = clientWith(t, good).repository({ registry: origin.host, repository: "a/b" });
    await assert.rejects(store.resolve("v1"), { code }, `${status} ${body.slice(0, 40)}`);
  }
});

test("a mount asks for the rights of both repositories, its own first", async (t) => {
  const scopes: string[][] = [];
  const origin = await startOrigin(t, (request, response, url) => {
    if (url.pathname === "/token") {
      scopes.push(url.searchParams.getAll("scope"));
      return void response.end('{"token":"the-token"}');
    }
    if (request.headers.authorization !== "Bearer the-token") {
      response.writeHead(401, { "www-authenticate": `Bearer realm="${origin.url}/token"` });
      return void response.end();
    }
    response.writeHead(201, { location: "/v2/a/blobs/x" });
    response.end();
  });
  const store = clientWith(t, good).repository({ registry: origin.host, repository: "a" });
  const each = blob(10);
  const mountFrom = [{ registry: origin.host, repository: "b" }];
  assert.equal(await store.write(each, bodyOf(each.bytes), { mountFrom }), "mounted");
  assert.deepEqual(scopes, [["repository:a:pull,push", "repository:b:pull"]]);
});
