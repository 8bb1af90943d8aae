import assert from "node:assert/strict";
import { connect } from "node:net";
import test from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { connect as connectSecurely } from "node:tls";
import { request } from "undici";
import type { LogEntry } from "../../src/server/log.ts";
import { createRegistryClient } from "../../src/stores/registry/client.ts";
import { makeCertificate } from "../support/certificate.ts";
import { http } from "../support/http.ts";
import { needs } from "../support/peers.ts";
import { startRegistry } from "../support/registry.ts";

/** Sends bytes and gives back all that comes until the other side closes. */
function exchange(port: number, bytes: string | Buffer): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1", () => socket.write(bytes));
    let answer = "";
    socket.on("data", (chunk: Buffer) => {
      answer += chunk.toString("latin1");
    });
    socket.on("error", () => {});
    socket.on("close", () => resolve(answer));
  });
}

function refusals(log: readonly LogEntry[]): string[] {
  return log.filter(({ event }) => event === "refused").map(({ level, message }) => `${level} ${message}`);
}

test("a TLS handshake on a port without TLS is closed without an answer or a warning", async (t) => {
  const log: LogEntry[] = [];
  const { port, url } = await startRegistry(t, { log: (entry) => log.push(entry) });
  await new Promise<void>((resolve) => {
    const socket = connectSecurely({ port, host: "127.0.0.1", rejectUnauthorized: false });
    socket.on("error", () => {});
    socket.on("close", () => resolve());
  });
  assert.equal(await exchange(port, Buffer.from([0x16, 3, 1, 2, 0, 1])), "");
  const expected = "info a TLS handshake, but this port has no TLS";
  assert.deepEqual(refusals(log), [expected, expected]);
  // Lading's own client asks loopback ports in this way.
  log.length = 0;
  const client = createRegistryClient({ retry: { attempts: 1 } });
  t.after(() => client.close());
  const store = client.repository({ registry: `127.0.0.1:${port}`, repository: "app" });
  await assert.rejects(store.resolve("v1"), { code: "ERR_LADING_NOT_FOUND" });
  assert.deepEqual(
    log.filter(({ level }) => level !== "info"),
    [],
  );
  assert.equal((await http("GET", `${url}/healthz`)).status, 200);
});

test("what is no request is refused with a body that says so", async (t) => {
  const log: LogEntry[] = [];
  const { port } = await startRegistry(t, { log: (entry) => log.push(entry) });
  for (const text of ["hello\r\n\r\n", "GET /v2/ HTTP/1.1\r\nHost: x\r\nBad Header: y\r\n\r\n"]) {
    const answer = await exchange(port, text);
    assert.match(answer, /^HTTP\/1\.1 400 Bad Request\r\n/);
    const [head = "", body = ""] = answer.split("\r\n\r\n");
    assert.match(head, new RegExp(`Content-Length: ${body.length}\\b`));
    assert.equal(JSON.parse(body).errors[0].code, "REQUEST_INVALID");
  }
  assert.match(
    await exchange(port, "GET /v2/ HTTP/1.1\r\nHost: x\r\nExpect: tea\r\n\r\n"),
    / 417 .*UNSUPPORTED/s,
  );
  assert.deepEqual(refusals(log), Array(2).fill("warning 400 this is not an HTTP request"));
  // A byte that starts a handshake means nothing in the middle of a connection.
  log.length = 0;
  await exchange(port, "GET /v2/ HTTP/1.1\r\nHost: x\r\n\r\n\x16\x03\x01");
  assert.deepEqual(refusals(log), ["warning 400 this is not an HTTP request"]);
});

test(
  "over TLS, plain HTTP and clients that do not trust us are told apart in the log",
  needs("openssl"),
  async (t) => {
    const log: LogEntry[] = [];
    const { cert, key } = await makeCertificate(t);
    const { port, url } = await startRegistry(t, { tls: { cert, key }, log: (entry) => log.push(entry) });
    assert.equal(await exchange(port, "GET /v2/ HTTP/1.1\r\nHost: x\r\n\r\n"), "");
    await assert.rejects(request(url));
    for (let i = 0; i < 100 && refusals(log).length < 2; i++) await sleep(10);
    assert.equal(refusals(log)[0], "info a plain HTTP request, but this port has TLS");
    assert.match(refusals(log)[1] ?? "", /^(?:warning the TLS handshake failed: |info the connection broke)/);
    const client = createRegistryClient({ hosts: () => ({ ca: [cert] }) });
    t.after(() => client.close());
    const store = client.repository({ registry: `127.0.0.1:${port}`, repository: "app" });
    await assert.rejects(store.resolve("v1"), { code: "ERR_LADING_NOT_FOUND" });
  },
);
