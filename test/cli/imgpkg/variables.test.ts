/** Variables that imgpkg reads, by what the program does with them, where no other test does. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import type { IncomingMessage, ServerResponse } from "node:http";
import { createServer } from "node:https";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import test, { type TestContext } from "node:test";
import { makeCertificates } from "../../support/certificates.ts";
import { type Origin, startOrigin } from "../../support/hostile-origin.ts";
import { tempDir } from "../../support/tmp.ts";
import { imgpkg } from "../support/program.ts";

const list = (host: string) => ["tag", "list", "-i", `${host}/app`, "--registry-retry-count=1"];

function answerTags(response: ServerResponse): void {
  response.writeHead(200, { "content-type": "application/json" });
  response.end(JSON.stringify({ name: "app", tags: ["v1"] }));
}

/** Basic asks for a password, Bearer for a token of its own service. */
async function guarded(t: TestContext, scheme: "Basic" | "Bearer"): Promise<Origin> {
  const origin: Origin = await startOrigin(t, (request, response, url) => {
    if (url.pathname === "/token") {
      response.writeHead(200, { "content-type": "application/json" });
      response.end(JSON.stringify({ token: "lent" }));
    } else if (request.headers.authorization === undefined) {
      const realm = scheme === "Basic" ? `realm="r"` : `realm="${origin.url}/token",service="s"`;
      response.writeHead(401, { "www-authenticate": `${scheme} ${realm}` }).end();
    } else answerTags(response);
  });
  return origin;
}

/** What the registry was shown, without the asking before. */
function shown({ requests }: Origin): string[] {
  return requests.flatMap(({ headers: { authorization } }) => authorization ?? []);
}

function basic(user: string, password: string): string {
  return `Basic ${Buffer.from(`${user}:${password}`).toString("base64")}`;
}

test("IMGPKG_TOKEN is a bearer token for what the call names", async (t) => {
  const origin = await guarded(t, "Bearer");
  const { code, stdout } = await imgpkg(list(origin.host), { env: { IMGPKG_TOKEN: "given" } });
  assert.deepEqual([code, stdout], [0, "v1\t\n"]);
  assert.deepEqual(new Set(shown(origin)), new Set(["Bearer given"]));
});

test("IMGPKG_REGISTRY_REGISTRY_TOKEN is one for its host, IMGPKG_REGISTRY_IDENTITY_TOKEN is exchanged", async (t) => {
  const first = await guarded(t, "Bearer");
  const second = await guarded(t, "Bearer");
  const env = {
    IMGPKG_REGISTRY_HOSTNAME: first.host,
    IMGPKG_REGISTRY_REGISTRY_TOKEN: "given",
    IMGPKG_REGISTRY_HOSTNAME_2: second.host,
    IMGPKG_REGISTRY_IDENTITY_TOKEN_2: "identity",
  };
  assert.equal((await imgpkg(list(first.host), { env })).code, 0);
  assert.deepEqual(new Set(shown(first)), new Set(["Bearer given"]));
  assert.equal((await imgpkg(list(second.host), { env })).code, 0);
  assert.deepEqual(new Set(shown(second)), new Set(["Bearer lent"]));
  assert.ok(second.requests.some(({ method, url }) => method === "POST" && url === "/token"));
});

test("DOCKER_CONFIG comes before REGISTRY_AUTH_FILE, that before XDG_RUNTIME_DIR", async (t) => {
  const dir = await tempDir(t);
  const origin = await guarded(t, "Basic");
  const write = async (path: string, user: string) => {
    await mkdir(join(path, ".."), { recursive: true });
    const auth = Buffer.from(`${user}:pw`).toString("base64");
    await writeFile(path, JSON.stringify({ auths: { [origin.host]: { auth } } }));
  };
  await write(join(dir, "docker/config.json"), "docker");
  await write(join(dir, "auth.json"), "file");
  await write(join(dir, "run/containers/auth.json"), "podman");
  const env: Record<string, string> = {
    DOCKER_CONFIG: join(dir, "docker"),
    REGISTRY_AUTH_FILE: join(dir, "auth.json"),
    XDG_RUNTIME_DIR: join(dir, "run"),
  };
  for (const [variable, user] of [
    ["DOCKER_CONFIG", "docker"],
    ["REGISTRY_AUTH_FILE", "file"],
    ["XDG_RUNTIME_DIR", "podman"],
  ] as const) {
    origin.requests.length = 0;
    const { code, stderr } = await imgpkg(list(origin.host), { env });
    assert.equal(code, 0, stderr);
    assert.deepEqual(new Set(shown(origin)), new Set([basic(user, "pw")]), variable);
    delete env[variable];
  }
});

test("SSL_CERT_FILE names further authorities", async (t) => {
  const { server, ca } = await makeCertificates(await tempDir(t));
  const pair = { cert: await readFile(server.cert), key: await readFile(server.key) };
  const https = createServer(pair, (_: IncomingMessage, response) => answerTags(response));
  https.listen(0, "127.0.0.1");
  await once(https, "listening");
  t.after(() => {
    https.closeAllConnections();
    https.close();
  });
  const host = `127.0.0.1:${(https.address() as AddressInfo).port}`;
  assert.equal((await imgpkg(list(host))).code, 1);
  const trusted = await imgpkg(list(host), { env: { SSL_CERT_FILE: ca } });
  assert.equal(trusted.stdout, "v1\t\n", trusted.stderr);
});

test("HTTP_PROXY carries http", async (t) => {
  const proxy = await startOrigin(t, (_, response) => answerTags(response));
  const args = [...list("registry.invalid:80"), "--registry-insecure"];
  const { stdout, stderr } = await imgpkg(args, { env: { HTTP_PROXY: proxy.url } });
  assert.equal(stdout, "v1\t\n", stderr);
  assert.ok(
    proxy.requests.every(({ url }) => url?.startsWith("http://registry.invalid")),
    "all through the proxy",
  );
});

test("TMPDIR is where layers lie until they are pushed", async (t) => {
  const cwd = await tempDir(t);
  const origin = await startOrigin(t, (_, response) => response.writeHead(404).end());
  const args = ["push", "-i", `${origin.host}/app:v1`, "-f", "."];
  const { code, stderr } = await imgpkg(args, { cwd, env: { TMPDIR: join(cwd, "not-there") } });
  assert.equal(code, 1);
  assert.match(stderr, /not-there/);
  assert.ok(origin.requests.every(({ method }) => method === "GET" || method === "HEAD"));
});
