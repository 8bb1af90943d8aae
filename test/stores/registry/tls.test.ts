import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import test, { type TestContext } from "node:test";
import { explicitCredential } from "../../../src/stores/registry/auth/credentials.ts";
import { createRegistryClient, type RegistryClientOptions } from "../../../src/stores/registry/client.ts";
import type { HostOptions } from "../../../src/stores/registry/http/tls.ts";
import { makeCertificates, readPair } from "../../support/certificates.ts";
import { artifact, blob, image, writeContent } from "../../support/content.ts";
import { startDockerRegistry } from "../../support/docker-registry.ts";
import { startNginx } from "../../support/nginx.ts";
import { needs } from "../../support/peers.ts";
import { tempDir } from "../../support/tmp.ts";
import { bytesOf } from "../contract.ts";

function storeAt(
  t: TestContext,
  host: string,
  tls: HostOptions | undefined,
  options: RegistryClientOptions = {},
) {
  const client = createRegistryClient({
    retry: { minDelayMs: 1, maxDelayMs: 5 },
    hosts: (asked) => (asked === host ? tls : undefined),
    ...options,
  });
  t.after(() => client.close());
  return client.repository({ registry: host, repository: "some/place" });
}

const content = image();

test(
  "TLS: an unknown authority is refused, a given one and an insecure host are not",
  needs("docker-registry", "openssl"),
  async (t) => {
    const certificates = await makeCertificates(await tempDir(t));
    const { host } = await startDockerRegistry(t, { tls: certificates.server });
    const ca = [await readFile(certificates.ca)];
    await writeContent(storeAt(t, host, { ca }), content, "v1");
    await storeAt(t, host, { insecure: true }).resolve("v1");
    await assert.rejects(
      storeAt(t, host, undefined).resolve("v1"),
      (error: Error & { code: string; hint: string }) => {
        assert.equal(error.code, "ERR_LADING_TLS");
        assert.match(error.message, /not trusted/);
        assert.match(error.hint, /authority/);
        return true;
      },
    );
    // http on a TLS port is not tried, and https on an http port is not given up.
    await assert.rejects(storeAt(t, host, { plainHttp: true }).resolve("v1"), {
      code: "ERR_LADING_REGISTRY",
    });
    const plain = await startDockerRegistry(t);
    await assert.rejects(storeAt(t, plain.host, { plainHttp: false }).resolve("v1"), {
      code: "ERR_LADING_TLS",
    });
    await assert.rejects(storeAt(t, plain.host, { plainHttp: "fallback" }).resolve("v1"), {
      code: "ERR_LADING_NOT_FOUND",
    });
  },
);

test("TLS: a certificate for another name is refused", needs("docker-registry", "openssl"), async (t) => {
  const certificates = await makeCertificates(await tempDir(t));
  const { host } = await startDockerRegistry(t, { tls: certificates.server });
  const other = host.replace("127.0.0.1", "127.0.0.2");
  const ca = [await readFile(certificates.ca)];
  await assert.rejects(
    storeAt(t, other, { ca, plainHttp: false }, { retry: { attempts: 1 } }).resolve("v1"),
    (error: Error & { code: string }) =>
      // Where the registry listens on one address only, the other does not answer.
      ["ERR_LADING_TLS", "ERR_LADING_NETWORK"].includes(error.code),
  );
  const byName = host.replace("127.0.0.1", "localhost");
  await writeContent(storeAt(t, byName, { ca }), content, "v1");
});

test(
  "nginx with client certificates, basic auth and a limit on bodies",
  needs("docker-registry", "openssl", "nginx"),
  async (t) => {
    const certificates = await makeCertificates(await tempDir(t));
    const registry = await startDockerRegistry(t);
    const host = await startNginx(t, {
      target: registry.host,
      certificates,
      clientCertificates: true,
      htpasswd: "me:{PLAIN}pass word",
      maxBody: "3m",
    });
    const ca = [await readFile(certificates.ca)];
    const pair = await readPair(certificates.client);
    const credentials = explicitCredential({ username: "me", password: "pass word" });
    // Larger than nginx lets through at once: it goes in pieces.
    const big = artifact({ blobs: [blob(9_000_000)] });
    const store = storeAt(t, host, { ca, ...pair }, { credentials });
    await writeContent(store, big, "big");
    const reader = storeAt(t, host, { ca, ...pair }, { credentials });
    for (const each of big.nodes) assert.deepEqual(await bytesOf(reader, each), each.bytes);

    await assert.rejects(storeAt(t, host, { ca, ...pair }).resolve("big"), {
      code: "ERR_LADING_UNAUTHORIZED",
    });
    await assert.rejects(storeAt(t, host, { ca }, { credentials }).resolve("big"), {
      code: "ERR_LADING_REGISTRY",
    });
  },
);
