import assert from "node:assert/strict";
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { createServer, request as forward, type IncomingMessage } from "node:http";
import { type AddressInfo, connect, createServer as createTcpServer, type Socket } from "node:net";
import test, { type TestContext } from "node:test";
import { createRegistryClient } from "../../../src/stores/registry/client.ts";
import { makeCertificates } from "../../support/certificates.ts";
import { artifact, blob, writeContent } from "../../support/content.ts";
import { startDockerRegistry } from "../../support/docker-registry.ts";
import { needs } from "../../support/peers.ts";
import { tempDir } from "../../support/tmp.ts";
import { bytesOf } from "../contract.ts";

/** A forward proxy for http (absolute form) and https (CONNECT). Every name leads to `target`. */
async function startForwardProxy(t: TestContext, target: string) {
  const asked: string[] = [];
  const authorizations = new Set<string | undefined>();
  const sockets = new Set<Socket>();
  const [host = "", port = ""] = target.split(":");
  const server = createServer((request, response) => {
    asked.push(`${request.method} ${request.url}`);
    authorizations.add(request.headers["proxy-authorization"]);
    const url = new URL(request.url ?? "");
    const { "proxy-authorization": _, ...headers } = request.headers;
    const onward = forward(
      { host, port, method: request.method, path: url.pathname + url.search, headers },
      (answer) => {
        response.writeHead(answer.statusCode ?? 0, answer.headers);
        answer.pipe(response);
      },
    );
    request.pipe(onward);
  });
  server.on("connect", (request: IncomingMessage, socket: Socket) => {
    asked.push(`CONNECT ${request.url}`);
    authorizations.add(request.headers["proxy-authorization"]);
    const onward = connect(Number(port), host, () => {
      socket.write("HTTP/1.1 200 OK\r\n\r\n");
      onward.pipe(socket).pipe(onward);
    });
    for (const each of [socket, onward]) {
      sockets.add(each);
      each.on("error", () => {});
    }
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  t.after(async () => {
    for (const socket of sockets) socket.destroy();
    server.closeAllConnections();
    server.close();
    await once(server, "close");
  });
  return { host: `127.0.0.1:${(server.address() as AddressInfo).port}`, asked, authorizations };
}

const content = artifact({ blobs: [blob(2_000_000)] });

test(
  "HTTP_PROXY: requests go to the proxy in their absolute form, with its password",
  needs("docker-registry"),
  async (t) => {
    const registry = await startDockerRegistry(t);
    const proxy = await startForwardProxy(t, registry.host);
    const client = createRegistryClient({
      proxy: { http: `http://user:pass%20word@${proxy.host}` },
      hosts: () => ({ plainHttp: true }),
    });
    t.after(() => client.close());
    const store = client.repository({ registry: "registry.invalid:5000", repository: "some/place" });
    await writeContent(store, content, "v1");
    for (const each of content.nodes) assert.deepEqual(await bytesOf(store, each), each.bytes);
    assert.ok(proxy.asked.includes("PUT http://registry.invalid:5000/v2/some/place/manifests/v1"));
    assert.deepEqual(
      [...proxy.authorizations],
      [`Basic ${Buffer.from("user:pass word").toString("base64")}`],
    );
  },
);

test(
  "HTTPS_PROXY: requests go through a tunnel, and TLS is with the registry",
  needs("docker-registry", "openssl"),
  async (t) => {
    const certificates = await makeCertificates(await tempDir(t));
    const registry = await startDockerRegistry(t, { tls: certificates.server });
    const proxy = await startForwardProxy(t, registry.host);
    const ca = [await readFile(certificates.ca)];
    const client = createRegistryClient({
      proxy: { https: `http://${proxy.host}`, no: "other.example" },
      hosts: () => ({ ca, insecure: true }),
    });
    t.after(() => client.close());
    const store = client.repository({ registry: "registry.invalid", repository: "some/place" });
    await writeContent(store, content, "v1");
    for (const each of content.nodes) assert.deepEqual(await bytesOf(store, each), each.bytes);
    assert.ok(proxy.asked.every((line) => line === "CONNECT registry.invalid:443"));
    const strict = createRegistryClient({ proxy: { https: `http://${proxy.host}` }, hosts: () => ({ ca }) });
    t.after(() => strict.close());
    await assert.rejects(strict.repository({ registry: "registry.invalid", repository: "a" }).resolve("v1"), {
      code: "ERR_LADING_TLS",
    });
  },
);

test("NO_PROXY: excepted hosts are asked directly", needs("docker-registry"), async (t) => {
  const registry = await startDockerRegistry(t);
  const proxy = await startForwardProxy(t, registry.host);
  const client = createRegistryClient({
    proxy: { http: `http://${proxy.host}`, no: ".invalid" },
    hosts: () => ({ plainHttp: true }),
    retry: { attempts: 1 },
  });
  t.after(() => client.close());
  await assert.rejects(client.repository({ registry: "registry.invalid", repository: "a" }).resolve("v1"), {
    code: "ERR_LADING_NETWORK",
  });
  await assert.rejects(client.repository({ registry: registry.host, repository: "a" }).resolve("v1"), {
    code: "ERR_LADING_NOT_FOUND",
  });
  assert.deepEqual(proxy.asked, []);
});

test("a proxy that hangs up or refuses is named, and not asked without end", async (t) => {
  let asked = 0;
  const server = createServer();
  server.on("connect", (_request, socket: Socket) => {
    asked++;
    // As proxies do that cannot reach the target, and those that want a password.
    if (asked === 1) socket.destroy();
    else socket.end("HTTP/1.1 407 Proxy Authentication Required\r\n\r\n");
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  t.after(() => server.close());
  const proxy = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  for (const why of [/other side closed/, /it answers HTTP 407/]) {
    const client = createRegistryClient({
      proxy: { https: `http://user:s3cret@${proxy}` },
      retry: { attempts: 1 },
    });
    await assert.rejects(client.repository({ registry: "registry.invalid", repository: "a" }).resolve("v1"), {
      code: "ERR_LADING_NETWORK",
      message: new RegExp(`^the proxy ${proxy} gives no connection to registry.invalid: ${why.source}`),
    });
    await client.close();
  }
  assert.equal(asked, 2);
});

test("an abort does not wait for a host that lets nobody in", async (t) => {
  const sockets = new Set<Socket>();
  const silent = createTcpServer((socket) => sockets.add(socket.on("error", () => {})));
  silent.listen(0, "127.0.0.1");
  await once(silent, "listening");
  t.after(() => {
    for (const socket of sockets) socket.destroy();
    silent.close();
  });
  const client = createRegistryClient({ hosts: () => ({ plainHttp: false }), connectTimeoutMs: 30_000 });
  t.after(() => client.close());
  const controller = new AbortController();
  silent.once("connection", () => setTimeout(() => controller.abort(new Error("enough")), 50));
  const registry = `127.0.0.1:${(silent.address() as AddressInfo).port}`;
  await assert.rejects(
    client.repository({ registry, repository: "a" }).resolve("v1", { signal: controller.signal }),
    { message: "enough" },
  );
  // The handshake was still waited for.
  assert.deepEqual(
    [...sockets].map((socket) => socket.readyState),
    ["open"],
  );
});
