import assert from "node:assert/strict";
import { once } from "node:events";
import { copyFile, mkdir, readFile, writeFile } from "node:fs/promises";
import type { IncomingMessage, ServerResponse } from "node:http";
import { createServer } from "node:https";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import test, { type TestContext } from "node:test";
import type { PeerCertificate, TLSSocket } from "node:tls";
import { type Certificates, makeCertificates } from "../support/certificates.ts";
import { image } from "../support/content.ts";
import { tempDir } from "../support/tmp.ts";
import { lading } from "./support/program.ts";

interface TlsOrigin {
  readonly host: string;
  readonly requests: string[];
  /** Of each request the name in the certificate that its sender showed. */
  readonly shown: string[];
}

async function startTls(
  t: TestContext,
  { server, ca }: Certificates,
  answer: (request: IncomingMessage, response: ServerResponse) => void,
): Promise<TlsOrigin> {
  const requests: string[] = [];
  const shown: string[] = [];
  const pair = { cert: await readFile(server.cert), key: await readFile(server.key) };
  const asks = { requestCert: true, rejectUnauthorized: false, ca: await readFile(ca) };
  const https = createServer({ ...pair, ...asks }, (request, response) => {
    requests.push(`${request.method} ${request.url}`);
    // Of a client without one the certificate is an empty object.
    const { subject } = (request.socket as TLSSocket).getPeerCertificate() as Partial<PeerCertificate>;
    shown.push(String(subject?.CN ?? "nobody"));
    answer(request, response);
  });
  https.listen(0, "127.0.0.1");
  await once(https, "listening");
  t.after(() => {
    https.closeAllConnections();
    https.close();
  });
  return { host: `127.0.0.1:${(https.address() as AddressInfo).port}`, requests, shown };
}

const content = image();

function node(url: string): (typeof content.nodes)[number] | undefined {
  const name = url.split("/").at(-1);
  return content.nodes.find(({ kind, descriptor }) =>
    name === "v1"
      ? descriptor.digest === content.root.digest
      : url.includes(kind) && descriptor.digest === name,
  );
}

/** Gives the image; `elsewhere` may answer in its place. */
function serve(request: IncomingMessage, response: ServerResponse): void {
  const found = request.url === "/v2/" ? undefined : node(request.url ?? "");
  if (found === undefined) {
    response.writeHead(request.url === "/v2/" ? 200 : 404).end();
    return;
  }
  const { mediaType, size } = found.descriptor;
  response.writeHead(200, { "content-type": mediaType, "content-length": size });
  response.end(request.method === "HEAD" ? undefined : found.bytes);
}

test("a host that a registry redirects to is not taken without a good certificate", async (t) => {
  const dir = await tempDir(t);
  const certificates = await makeCertificates(dir);
  const store = await startTls(t, certificates, serve);
  const registry = await startTls(t, certificates, (request, response) => {
    if (!request.url?.includes("/blobs/")) return serve(request, response);
    response.writeHead(307, { location: `https://${store.host}${request.url}` }).end();
  });
  const args = ["copy", "-i", `${registry.host}/app:v1`, "--to-tar", join(dir, "a.tar")];
  const insecure = await lading([...args, "--registry-verify-certs=false", "--registry-retry-count", "1"]);
  assert.equal(insecure.code, 1, insecure.stderr);
  assert.match(
    insecure.stderr,
    new RegExp(`ERR_LADING_TLS: the certificate of ${store.host} is not trusted`),
  );
  assert.match(insecure.stderr, /hint: /);
  assert.notDeepEqual(registry.requests, []);
  assert.deepEqual(store.requests, []);
  // An authority that is trusted holds for both.
  const trusted = await lading([...args, "--registry-ca-cert-path", certificates.ca]);
  assert.equal(trusted.code, 0, trusted.stderr);
  assert.notDeepEqual(store.requests, []);
});

test("a token service on another port is not taken without a good certificate", async (t) => {
  const dir = await tempDir(t);
  const certificates = await makeCertificates(dir);
  const tokens = await startTls(t, certificates, (_request, response) => {
    response.writeHead(200, { "content-type": "application/json" }).end('{"token":"good"}');
  });
  const registry = await startTls(t, certificates, (request, response) => {
    if (request.headers.authorization === "Bearer good") return serve(request, response);
    const challenge = `Bearer realm="https://${tokens.host}/token",service="test"`;
    response.writeHead(401, { "www-authenticate": challenge }).end();
  });
  const args = ["tag", "resolve", "-i", `${registry.host}/app:v1`, "--registry-username", "jane"];
  args.push("--registry-password", "s3cret-of-jane", "--debug");
  const insecure = await lading([...args, "--registry-verify-certs=false", "--registry-retry-count", "1"]);
  assert.equal(insecure.code, 1, insecure.stderr);
  assert.match(
    insecure.stderr,
    new RegExp(`ERR_LADING_TLS: the certificate of ${tokens.host} is not trusted`),
  );
  assert.deepEqual(tokens.requests, []);
  const trusted = await lading([...args, "--registry-ca-cert-path", certificates.ca]);
  assert.equal(trusted.code, 0, trusted.stderr);
  assert.match(trusted.stdout, new RegExp(`@${content.root.digest}\n$`));
  for (const { stdout, stderr } of [insecure, trusted]) {
    assert.doesNotMatch(stdout + stderr, /s3cret-of-jane|amFuZTpz/);
  }
});

test("a client certificate is shown to the registry, and to nobody that it leads to", async (t) => {
  const dir = await tempDir(t);
  const certificates = await makeCertificates(dir);
  const store = await startTls(t, certificates, serve);
  const registry = await startTls(t, certificates, (request, response) => {
    if (!request.url?.includes("/blobs/")) return serve(request, response);
    response.writeHead(307, { location: `https://${store.host}${request.url}` }).end();
  });
  const { cert, key } = certificates.client;
  const args = ["copy", "-i", `${registry.host}/app:v1`, "--to-tar", join(dir, "a.tar")];
  args.push("--registry-ca-cert-path", certificates.ca);
  const shown = await lading([
    ...args,
    ...["--registry-client-cert-path", cert, "--registry-client-key-path", key],
  ]);
  assert.equal(shown.code, 0, shown.stderr);
  assert.deepEqual(new Set(registry.shown), new Set(["client"]));
  assert.deepEqual(new Set(store.shown), new Set(["nobody"]));
  const keyAlone = await lading([...args, "--registry-client-key-path", key]);
  assert.equal(keyAlone.code, 2, keyAlone.stderr);
  assert.match(keyAlone.stderr, /ERR_LADING_USAGE: --registry-client-key-path needs/);
});

test("a registry that a lock names is taken as the flags say, and so are authorities in SSL_CERT_DIR", async (t) => {
  const dir = await tempDir(t);
  const certificates = await makeCertificates(dir);
  const registry = await startTls(t, certificates, serve);
  const lock = join(dir, "images.yml");
  const image = `${registry.host}/app@${content.root.digest}`;
  const document = { apiVersion: "imgpkg.carvel.dev/v1alpha1", kind: "ImagesLock", images: [{ image }] };
  await writeFile(lock, JSON.stringify(document));
  const args = ["copy", "--lock", lock, "--to-tar", join(dir, "a.tar"), "--registry-retry-count=1"];
  const refused = await lading(args);
  assert.match(refused.stderr, /ERR_LADING_TLS/);
  const taken = await lading([...args, "--registry-verify-certs=false"]);
  assert.equal(taken.code, 0, taken.stderr);
  const trusted = join(dir, "trusted");
  await mkdir(join(trusted, "folder"), { recursive: true });
  await copyFile(certificates.ca, join(trusted, "ca.pem"));
  await writeFile(join(trusted, "other.txt"), "no certificate\n");
  const env = { SSL_CERT_DIR: `/nonexistent:${trusted}` };
  const known = await lading(args, { env });
  assert.equal(known.code, 0, known.stderr);
});
