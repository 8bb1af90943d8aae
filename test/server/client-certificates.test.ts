import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import test from "node:test";
import type { LogEntry } from "../../src/server/log.ts";
import { createRegistryClient } from "../../src/stores/registry/client.ts";
import type { HostOptions } from "../../src/stores/registry/http/tls.ts";
import { makeCertificates, readPair } from "../support/certificates.ts";
import { image, writeContent } from "../support/content.ts";
import { needs } from "../support/peers.ts";
import { startRegistry } from "../support/registry.ts";
import { tempDir } from "../support/tmp.ts";

test(
  "with an authority for clients, only those with a certificate from it get in",
  needs("openssl"),
  async (t) => {
    const ours = await makeCertificates(await tempDir(t));
    const foreign = await makeCertificates(await tempDir(t));
    const log: LogEntry[] = [];
    const { port } = await startRegistry(t, {
      tls: {
        cert: await readFile(ours.server.cert),
        key: await readFile(ours.server.key),
        clientCa: await readFile(ours.ca),
      },
      log: (entry) => entry.event === "refused" && log.push(entry),
    });
    const ca = [await readFile(ours.ca)];
    const storeWith = (host: HostOptions) => {
      const client = createRegistryClient({
        hosts: () => host,
        retry: { attempts: 2, minDelayMs: 1, maxDelayMs: 2 },
      });
      t.after(() => client.close());
      return client.repository({ registry: `127.0.0.1:${port}`, repository: "app" });
    };
    const allowed = storeWith({ ca, ...(await readPair(ours.client)) });
    await writeContent(allowed, image(), "v1");
    assert.equal((await allowed.resolve("v1")).digest, image().root.digest);
    // A client learns of it from an alert, or only from the end of the connection.
    const refused = { code: /^ERR_LADING_(?:TLS|NETWORK)$/ };
    await assert.rejects(storeWith({ ca }).resolve("v1"), refused);
    await assert.rejects(storeWith({ ca, ...(await readPair(foreign.client)) }).resolve("v1"), refused);
    const why = log.filter(({ level }) => level === "warning").map(({ message }) => message);
    for (const message of why) assert.match(message, /^the TLS handshake failed: ERR_SSL_/);
    assert.ok(
      why.some((message) => /NOT_RETURN_A_CERTIFICATE/.test(message)),
      why.join("\n"),
    );
    assert.equal((await allowed.resolve("v1")).digest, image().root.digest);
  },
);
