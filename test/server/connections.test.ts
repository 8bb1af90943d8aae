import assert from "node:assert/strict";
import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { Readable } from "node:stream";
import test from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { request } from "undici";
import { digestOf } from "../../src/bytes/hash.ts";
import { plainPasswords } from "../../src/server/auth/passwords.ts";
import { diskRepositories } from "../../src/server/repositories/disk.ts";
import { http } from "../support/http.ts";
import { startRegistry } from "../support/registry.ts";
import { sampleBytes } from "../support/sample-bytes.ts";
import { tempDir } from "../support/tmp.ts";
import { pushBlob, pushImage } from "./support.ts";

async function dial(port: number): Promise<Socket> {
  const socket = connect(port, "127.0.0.1");
  socket.on("error", () => {});
  await once(socket, "connect");
  return socket;
}

/** Also when it is closed already, or by a reset. */
async function closed(socket: Socket): Promise<void> {
  if (!socket.closed) await new Promise((resolve) => socket.once("close", resolve));
}

/** Everything that comes until the other side closes. */
async function rest(socket: Socket): Promise<string> {
  const chunks: Buffer[] = [];
  socket.on("data", (chunk: Buffer) => chunks.push(chunk));
  await closed(socket);
  return Buffer.concat(chunks).toString("latin1");
}

const absent = `sha256:${"0".repeat(64)}`;

test("a refused upload is answered while the client still sends", async (t) => {
  const { port } = await startRegistry(t, { passwords: plainPasswords({ ann: "a" }) });
  const socket = await dial(port);
  const size = 8 * 1024 * 1024;
  socket.write(
    `PUT /v2/app/blobs/uploads/x?digest=${absent} HTTP/1.1\r\nHost: x\r\nContent-Length: ${size}\r\n\r\n`,
  );
  const piece = Buffer.alloc(64 * 1024);
  let answered = "";
  socket.on("data", (chunk: Buffer) => {
    answered += chunk.toString("latin1");
  });
  for (let sent = 0; sent < size; sent += piece.byteLength) {
    if (!socket.write(piece)) await once(socket, "drain");
  }
  while (!answered.includes("\r\n\r\n")) await sleep(5);
  assert.match(answered, /^HTTP\/1\.1 401 /);
  // The connection is still good.
  answered = "";
  socket.write("GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
  await closed(socket);
  assert.match(answered, /HTTP\/1\.1 200 /);
});

test("a refused upload that goes on for ever is cut off after its answer", async (t) => {
  const { port } = await startRegistry(t, {
    passwords: plainPasswords({ ann: "a" }),
    limits: { drainBytes: 100_000 },
  });
  const socket = await dial(port);
  socket.write(`PUT /v2/app/blobs/uploads/x HTTP/1.1\r\nHost: x\r\nContent-Length: 999999999\r\n\r\n`);
  let answered = "";
  socket.on("data", (chunk: Buffer) => {
    answered += chunk.toString("latin1");
  });
  const pump = setInterval(() => socket.writable && socket.write(Buffer.alloc(20_000)), 5);
  await closed(socket);
  clearInterval(pump);
  assert.match(answered, /^HTTP\/1\.1 401 /);
});

test("Expect: 100-continue is answered with 100 only when the body is wanted", async (t) => {
  const { port, url } = await startRegistry(t);
  const bytes = Buffer.from("expected");
  const start = await http("POST", `${url}/v2/app/blobs/uploads/`);
  const location = String(start.headers["location"]);
  const head = (path: string) =>
    `PUT ${path} HTTP/1.1\r\nHost: x\r\nContent-Length: ${bytes.byteLength}\r\nExpect: 100-continue\r\nConnection: close\r\n\r\n`;
  const socket = await dial(port);
  socket.write(head(`${location}&digest=${digestOf(bytes)}`));
  const [first] = (await once(socket, "data")) as [Buffer];
  assert.match(first.toString(), /^HTTP\/1\.1 100 Continue\r\n\r\n$/);
  socket.write(bytes);
  assert.match(await rest(socket), /^HTTP\/1\.1 201 /);
  const refused = await dial(port);
  refused.write(head(`/v2/app/blobs/uploads/unknown?digest=${digestOf(bytes)}`));
  const answer = await rest(refused);
  assert.match(answer, /^HTTP\/1\.1 404 /);
  assert.match(answer, /connection: close/i);
});

test("a client that is cut off leaves its bytes in the session", async (t) => {
  for (const repositories of [undefined, diskRepositories(await tempDir(t))]) {
    const { port, url } = await startRegistry(t, repositories === undefined ? {} : { repositories });
    const bytes = sampleBytes(300_000, 3);
    const location = String((await http("POST", `${url}/v2/app/blobs/uploads/`)).headers["location"]);
    const socket = await dial(port);
    socket.write(`PATCH ${location} HTTP/1.1\r\nHost: x\r\nContent-Length: ${bytes.byteLength}\r\n\r\n`);
    socket.write(bytes.subarray(0, 100_000));
    const path = location.split("?")[0];
    await sleep(100);
    socket.destroy();
    let state = await http("GET", `${url}${path}`);
    for (let i = 0; i < 100 && state.headers["range"] !== "0-99999"; i++) {
      await sleep(10);
      state = await http("GET", `${url}${path}`);
    }
    assert.equal(state.headers["range"], "0-99999");
    // The location from before does not fit any more: that is told, not taken.
    const old = await http("PATCH", `${url}${location}`, { body: "x" });
    assert.equal(old.status, 416);
    assert.equal(old.headers["range"], "0-99999");
    const end = await http("PUT", `${url}${state.headers["location"]}&digest=${digestOf(bytes)}`, {
      body: bytes.subarray(100_000),
    });
    assert.equal(end.status, 201, end.text);
  }
});

test("a second request takes an upload over from a dead connection", async (t) => {
  const { port, url } = await startRegistry(t);
  const location = String((await http("POST", `${url}/v2/app/blobs/uploads/`)).headers["location"]);
  const dead = await dial(port);
  dead.write(`PATCH ${location} HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\nhello`);
  await sleep(100);
  const taken = await http("PATCH", `${url}${location.split("?")[0]}`, {
    headers: { "content-range": "5-9" },
    body: "world",
  });
  assert.equal(taken.status, 202, taken.text);
  const end = await http("PUT", `${url}${taken.headers["location"]}&digest=${digestOf("helloworld")}`);
  assert.equal(end.status, 201, end.text);
});

test("slow-loris: heads and bodies that trickle in are cut off", async (t) => {
  const { port, url } = await startRegistry(t, {
    limits: { headersMs: 400, idleMs: 500, minBytesPerSecond: 1000 },
  });
  const head = await dial(port);
  head.write("GET /v2/ HTTP/1.1\r\nHost: x\r\n");
  const trickle = setInterval(() => head.writable && head.write("X-A: b\r\n"), 50);
  assert.match(await rest(head), /^HTTP\/1\.1 408 /);
  clearInterval(trickle);
  const location = String((await http("POST", `${url}/v2/app/blobs/uploads/`)).headers["location"]);
  const body = await dial(port);
  body.write(`PATCH ${location} HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n`);
  const drops = setInterval(() => body.writable && body.write("x"), 50);
  const silent = await dial(port);
  silent.write(`PATCH ${location} HTTP/1.1\r\nHost: x\r\nContent-Len`);
  assert.match(await rest(body), /^(?:HTTP\/1\.1 408 |$)/);
  clearInterval(drops);
  silent.resume();
  await closed(silent);
  assert.equal((await http("GET", `${url}/healthz`)).status, 200);
});

test("limits: manifests, blobs, URLs, heads, uploads", async (t) => {
  const { url, port } = await startRegistry(t, {
    limits: {
      manifestBytes: 1000,
      blobBytes: 5000,
      urlLength: 2000,
      headerBytes: 4096,
      uploadsPerRepository: 2,
    },
  });
  const manifest = await http("PUT", `${url}/v2/app/manifests/v1`, { body: Buffer.alloc(1001) });
  assert.equal(manifest.status, 413);
  const tooLarge = Buffer.alloc(5001);
  const blob = await http("POST", `${url}/v2/app/blobs/uploads/?digest=${digestOf(tooLarge)}`, {
    body: tooLarge,
  });
  assert.equal(blob.status, 413);
  async function* unannounced() {
    for (let i = 0; i < 6; i++) yield Buffer.alloc(1000);
  }
  const first = await http("POST", `${url}/v2/app/blobs/uploads/`);
  const streamed = await request(`${url}${first.headers["location"]}`, {
    method: "PATCH",
    body: Readable.from(unannounced()),
  });
  assert.equal(streamed.statusCode, 413);
  await streamed.body.dump();
  assert.equal((await http("GET", `${url}/v2/${"a/".repeat(1000)}x/tags/list`)).status, 414);
  const socket = await dial(port);
  socket.write(`GET /v2/ HTTP/1.1\r\nHost: x\r\nX-Long: ${"x".repeat(5000)}\r\n\r\n`);
  assert.match(await rest(socket), /^HTTP\/1\.1 431 /);
  assert.equal((await http("POST", `${url}/v2/app/blobs/uploads/`)).status, 202);
  const third = await http("POST", `${url}/v2/app/blobs/uploads/`);
  assert.equal(third.status, 429);
  assert.match(String(third.headers["retry-after"]), /^[0-9]+$/);
  assert.equal((await http("POST", `${url}/v2/other/blobs/uploads/`)).status, 202);
});

test("the rate limit says when to come again", async (t) => {
  const { url } = await startRegistry(t, { rateLimit: { requests: 5, perMs: 5000 } });
  const replies = [];
  for (let i = 0; i < 8; i++) replies.push(await http("GET", `${url}/v2/`));
  assert.deepEqual(
    replies.slice(0, 5).map(({ status }) => status),
    [200, 200, 200, 200, 200],
  );
  const refused = replies.find(({ status }) => status === 429);
  assert.equal(refused?.headers["retry-after"], "1");
  assert.equal(JSON.parse(refused.text).errors[0].code, "TOOMANYREQUESTS");
});

test("uploads that nobody goes on with expire, in memory and on disk", async (t) => {
  for (const repositories of [undefined, diskRepositories(await tempDir(t))]) {
    const { url } = await startRegistry(t, {
      limits: { uploadExpiryMs: 200 },
      ...(repositories === undefined ? {} : { repositories }),
    });
    const location = String((await http("POST", `${url}/v2/app/blobs/uploads/`)).headers["location"]);
    assert.equal((await http("GET", `${url}${location}`)).status, 204);
    await sleep(600);
    assert.equal((await http("GET", `${url}${location}`)).status, 404);
  }
});

test("fifty clients push at once into one repository", async (t) => {
  const { url } = await startRegistry(t, { repositories: diskRepositories(await tempDir(t)) });
  const shared = sampleBytes(100_000, 1);
  const digests = await Promise.all(
    Array.from({ length: 50 }, async (_, i) => {
      await pushBlob(url, "app", shared);
      return pushImage(url, "app", `t${String(i).padStart(2, "0")}`, sampleBytes(20_000, i + 10));
    }),
  );
  const { tags } = JSON.parse((await http("GET", `${url}/v2/app/tags/list`)).text);
  assert.equal(tags.length, 50);
  for (const [i, digest] of digests.entries()) {
    const head = await http("HEAD", `${url}/v2/app/manifests/${tags[i]}`);
    assert.equal(head.headers["docker-content-digest"], digest);
  }
});

test("close waits for the requests under way, and cuts them off after the grace time", async (t) => {
  const { url, port, server } = await startRegistry(t);
  const bytes = Buffer.from("in flight");
  const location = String((await http("POST", `${url}/v2/app/blobs/uploads/`)).headers["location"]);
  const busy = await dial(port);
  busy.write(
    `PUT ${location}&digest=${digestOf(bytes)} HTTP/1.1\r\nHost: x\r\nContent-Length: ${bytes.byteLength}\r\n\r\n`,
  );
  busy.write(bytes.subarray(0, 4));
  await sleep(50);
  const closing = server.close({ graceMs: 5000 });
  await sleep(50);
  await assert.rejects(http("GET", `${url}/v2/`));
  const answer = rest(busy);
  busy.write(bytes.subarray(4));
  assert.match(await answer, /^HTTP\/1\.1 201 /);
  await closing;
  const other = await startRegistry(t);
  const stuck = await dial(other.port);
  stuck.write(
    `POST /v2/app/blobs/uploads/?digest=${absent} HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nab`,
  );
  await sleep(50);
  const start = performance.now();
  await other.server.close({ graceMs: 200 });
  assert.ok(performance.now() - start < 3000);
});
