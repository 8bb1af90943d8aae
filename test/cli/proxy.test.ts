import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import { type AddressInfo, connect, type Socket } from "node:net";
import { join } from "node:path";
import test from "node:test";
import { makeCertificates } from "../support/certificates.ts";
import { startRegistry } from "../support/registry.ts";
import { tempDir } from "../support/tmp.ts";
import { lading } from "./support/program.ts";

test("the program as it is bundled goes through HTTPS_PROXY", async (t) => {
  const cwd = await tempDir(t);
  const { ca, server } = await makeCertificates(cwd);
  const registry = await startRegistry(t, {
    tls: { cert: await readFile(server.cert), key: await readFile(server.key) },
  });
  const asked: string[] = [];
  const sockets = new Set<Socket>();
  const proxy = createServer();
  proxy.on("connect", (request, socket: Socket) => {
    asked.push(`${request.url} ${request.headers["proxy-authorization"]}`);
    const [host = "", port = ""] = registry.host.split(":");
    const onward = connect(Number(port), host, () => {
      socket.write("HTTP/1.1 200 OK\r\n\r\n");
      onward.pipe(socket).pipe(onward);
    });
    for (const each of [socket, onward]) sockets.add(each.on("error", () => {}));
  });
  proxy.listen(0, "127.0.0.1");
  await once(proxy, "listening");
  t.after(() => {
    for (const socket of sockets) socket.destroy();
    proxy.close();
  });
  await mkdir(join(cwd, "site"));
  await writeFile(join(cwd, "site/index.html"), "hello");
  const env = { HTTPS_PROXY: `http://jane:s3cret@127.0.0.1:${(proxy.address() as AddressInfo).port}` };
  // The certificate is for localhost, which no proxy is asked for: any other name has to do without a check.
  const args = ["push", "-i", "registry.invalid/site:v1", "-f", "site", "--debug"];
  args.push("--registry-verify-certs=false", "--registry-ca-cert-path", ca);
  const pushed = await lading(args, { cwd, env });
  assert.equal(pushed.code, 0, pushed.stderr);
  const authorization = `Basic ${Buffer.from("jane:s3cret").toString("base64")}`;
  assert.deepEqual(new Set(asked), new Set([`registry.invalid:443 ${authorization}`]));
  assert.doesNotMatch(pushed.stdout + pushed.stderr, /s3cret/);
  const spared = await lading([...args, "--registry-retry-count", "1"], {
    cwd,
    env: { ...env, NO_PROXY: "registry.invalid" },
  });
  assert.equal(spared.code, 1, spared.stderr);
  assert.match(spared.stderr, /there is no host registry\.invalid/);
});
