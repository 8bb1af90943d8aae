import assert from "node:assert/strict";
import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { writeFile } from "node:fs/promises";
import { connect } from "node:net";
import { join } from "node:path";
import test, { type TestContext } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { Agent, request } from "undici";
import { digestOf } from "../../src/bytes/hash.ts";
import { type Ended, ended, lading, startLading } from "../cli/support/program.ts";
import { makeCertificate } from "../support/certificate.ts";
import { basic, http } from "../support/http.ts";
import { needs } from "../support/peers.ts";
import { tempDir } from "../support/tmp.ts";
import { pushImage } from "./support.ts";

/** `user` with the password `pass word`. */
const users = "user:$2y$05$SLBP14y86WDb8H37T.pe0ulvB68hH/be8/ODr.s306zBwTTcVbnwe\n";

interface Served {
  readonly url: string;
  readonly child: ChildProcess;
  readonly end: Promise<Ended>;
}

async function serve(t: TestContext, cwd: string, ...flags: string[]): Promise<Served> {
  const args = ["registry", "serve", "--dir", "r", "--listen", "127.0.0.1:0", ...flags];
  const child = startLading(args, { cwd });
  const end = ended(child);
  t.after(() => child.kill("SIGKILL"));
  const url = await new Promise<string>((resolve, reject) => {
    let said = "";
    child.stderr?.on("data", (chunk: Buffer) => {
      said += chunk.toString();
      const found = /Serving r on (\S+)/.exec(said)?.[1];
      if (found !== undefined) resolve(found);
    });
    void end.then(({ stderr }) => reject(new Error(stderr)));
  });
  return { url, child, end };
}

for (const signal of ["SIGTERM", "SIGINT"] as const) {
  test(`${signal} lets the requests under way finish, and ends with 0`, async (t) => {
    const { url, child, end } = await serve(t, await tempDir(t));
    const bytes = Buffer.from("in flight");
    const socket = connect(Number(new URL(url).port), "127.0.0.1");
    await once(socket, "connect");
    socket.write(`POST /v2/app/blobs/uploads/?digest=${digestOf(bytes)} HTTP/1.1\r\nHost: x\r\n`);
    socket.write(`Content-Length: ${bytes.byteLength}\r\n\r\n`);
    socket.write(bytes.subarray(0, 3));
    await sleep(200);
    child.kill(signal);
    await sleep(200);
    await assert.rejects(http("GET", `${url}/v2/`));
    socket.write(bytes.subarray(3));
    const [answer] = (await once(socket, "data")) as [Buffer];
    assert.match(answer.toString(), /^HTTP\/1\.1 201 /);
    const { code, stderr } = await end;
    assert.equal(code, 0, stderr);
  });
}

test("a second Ctrl-C leaves at once, with 130", async (t) => {
  const { url, child, end } = await serve(t, await tempDir(t));
  const socket = connect(Number(new URL(url).port), "127.0.0.1");
  socket.on("error", () => {});
  socket.write("POST /v2/app/blobs/uploads/?digest=x HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n");
  await sleep(200);
  child.kill("SIGINT");
  await sleep(200);
  child.kill("SIGINT");
  assert.equal((await end).code, 130);
});

test("limits, the rate and the switches are where the operator set them", async (t) => {
  const flags = [
    "--max-blob",
    "1KiB",
    "--no-metrics",
    "--no-catalog",
    "--children",
    "none",
    "--allow-delete",
  ];
  const { url } = await serve(t, await tempDir(t), ...flags, "--rate-limit", "20/1h");
  const push = (size: number) => {
    const body = Buffer.alloc(size);
    return http("POST", `${url}/v2/app/blobs/uploads/?digest=${digestOf(body)}`, { body });
  };
  assert.equal((await push(1025)).status, 413);
  assert.equal((await push(1024)).status, 201);
  assert.equal((await http("GET", `${url}/metrics`)).status, 404);
  assert.equal((await http("GET", `${url}/v2/_catalog`)).status, 405);
  const absent = { digest: digestOf("absent"), size: 6 };
  const mediaType = "application/vnd.oci.image.index.v1+json";
  const manifests = [{ mediaType: "application/vnd.oci.image.manifest.v1+json", ...absent }];
  const put = await http("PUT", `${url}/v2/app/manifests/v1`, {
    headers: { "content-type": mediaType },
    body: JSON.stringify({ schemaVersion: 2, mediaType, manifests }),
  });
  assert.equal(put.status, 201, put.text);
  assert.equal((await http("DELETE", `${url}/v2/app/manifests/v1`)).status, 202);
  const statuses = [];
  for (let i = 0; i < 20; i++) statuses.push((await http("GET", `${url}/v2/`)).status);
  assert.deepEqual([statuses[0], statuses.at(-1)], [200, 429]);
});

test("over TLS with users, tokens and rights", needs("openssl"), async (t) => {
  const cwd = await tempDir(t);
  const { certPath, keyPath, cert } = await makeCertificate(t);
  await writeFile(join(cwd, "users"), users);
  const rules = [{ who: ["user"], repositories: ["team/*"], actions: ["pull", "push"] }];
  await writeFile(join(cwd, "rights.json"), JSON.stringify(rules));
  const { url } = await serve(
    t,
    cwd,
    ...["--tls-cert", certPath, "--tls-key", keyPath, "--htpasswd", "users", "--rights", "rights.json"],
    ...["--tokens", "--token-url", "https://registry.example.com/token"],
  );
  assert.match(url, /^https:/);
  const dispatcher = new Agent({ connect: { ca: cert } });
  t.after(() => dispatcher.close());
  const get = async (path: string, headers: Record<string, string> = {}) => {
    const reply = await request(`${url}${path}`, { dispatcher, headers });
    return { status: reply.statusCode, headers: reply.headers, text: await reply.body.text() };
  };
  const asked = await get("/v2/team/app/tags/list");
  assert.equal(asked.status, 401);
  assert.match(
    String(asked.headers["www-authenticate"]),
    /^Bearer realm="https:\/\/registry\.example\.com\/token",service="127\.0\.0\.1:\d+",scope="repository:team\/app:pull"$/,
  );
  const scopes = "scope=repository:team/app:pull,push,delete&scope=repository:other:pull";
  const { token } = JSON.parse((await get(`/token?${scopes}`, basic("user", "pass word"))).text);
  const bearer = { authorization: `Bearer ${token}` };
  assert.equal((await get("/v2/team/app/tags/list", bearer)).status, 404);
  assert.equal((await get("/v2/other/tags/list", bearer)).status, 401);
  assert.equal((await get(`/token?${scopes}`, basic("user", "wrong"))).status, 401);
});

test("the log is text, JSON or nothing", async (t) => {
  for (const [how, line] of [
    ["text", /^\S+T\S+Z info GET \/v2\/ status=200 ms=\d+ /m],
    ["json", /^\{"time":".*","level":"info","event":"request","message":"GET \/v2\/","status":200,.*\}$/m],
    ["none", /^$/m],
  ] as const) {
    const { url, child, end } = await serve(t, await tempDir(t), "--log", how);
    await http("GET", `${url}/v2/`);
    child.kill("SIGTERM");
    const { stderr } = await end;
    assert.match(stderr, line, how);
    if (how === "none") assert.ok(!stderr.includes("GET"), stderr);
  }
});

test("garbage is collected as often as the operator says", async (t) => {
  const cwd = await tempDir(t);
  const { url } = await serve(
    t,
    cwd,
    "--gc-every",
    "300ms",
    "--gc-grace",
    "0s",
    "--gc-untagged",
    "--allow-delete",
  );
  const digest = await pushImage(url, "app", "v1", "layer").catch(() => undefined);
  if (digest !== undefined) await http("DELETE", `${url}/v2/app/manifests/v1`);
  const layer = `${url}/v2/app/blobs/${digestOf("layer")}`;
  for (let i = 0; i < 100 && (await http("GET", layer)).status !== 404; i++) await sleep(50);
  assert.equal((await http("GET", layer)).status, 404);
});

test("what cannot be served is refused at the start, with what to do about it", async (t) => {
  const cwd = await tempDir(t);
  await writeFile(join(cwd, "users"), users);
  await writeFile(join(cwd, "plain"), "jane:secret\n");
  const rights = { anyone: '[{"who":"anyone","repositories":["**"],"actions":["pul"]}]' };
  await writeFile(join(cwd, "misspelt"), rights.anyone);
  await writeFile(join(cwd, "unknown"), '[{"who":"anyone","repository":["**"],"actions":["pull"]}]');
  await writeFile(join(cwd, "nobody"), '[{"who":"users","repositories":["**"],"actions":["pull"]}]');
  for (const [flags, code, text] of [
    [["--tokens"], 2, /need passwords/],
    [["--rights", "nobody"], 2, /need passwords/],
    [["--rights", "misspelt"], 1, /not an action of the registry: "pul"/],
    [["--rights", "unknown"], 1, /rule 1 has an unknown key "repository"/],
    [["--rights", "absent"], 3, /absent/],
    [["--htpasswd", "plain"], 1, /line 1 .*bcrypt.*hint: write it with: htpasswd -B/s],
    [["--tls-cert", "users"], 2, /belong together/],
    [["--tls-cert", "users", "--tls-key", "users"], 1, /the certificate and its key cannot be used/],
    [["--max-blob", "5x"], 2, /takes a size/],
    [["--rate-limit", "5"], 2, /takes a count in a time/],
    [["--token-url", "https://x/token"], 2, /is for --tokens/],
    [["--listen", "192.0.2.1:5000"], 2, /cannot listen on 192\.0\.2\.1:5000/],
    [["--listen", "5000"], 2, /takes host:port/],
    [["--dir", "users/below"], 3, /users/],
    [["--dir", "users"], 2, /--dir takes a folder/],
    [["--dir", "absent", "--read-only"], 3, /absent: no such file or directory/],
  ] as const) {
    const listen = flags[0] === "--listen" ? [] : ["--listen", "127.0.0.1:0"];
    const dir = flags[0] === "--dir" ? [] : ["--dir", "r"];
    const run = await lading(["registry", "serve", ...dir, ...listen, ...flags], { cwd });
    assert.equal(run.code, code, `${flags.join(" ")}: ${run.stderr}`);
    assert.match(run.stderr, text);
    assert.doesNotMatch(run.stderr, /UNEXPECTED/);
  }
});
