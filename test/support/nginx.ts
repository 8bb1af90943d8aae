import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, mkdtemp, writeFile } from "node:fs/promises";
import { type AddressInfo, connect, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestContext } from "node:test";
import type { Certificates } from "./certificates.ts";
import { findProgram } from "./peers.ts";
import { removeFolder } from "./tmp.ts";

export interface NginxOptions {
  /** The registry behind it, `host:port` over http. */
  readonly target: string;
  readonly certificates: Certificates;
  /** Clients without a certificate of the authority get 400. */
  readonly clientCertificates?: boolean;
  /** Line of an htpasswd file that nginx reads (crypt or plain forms). */
  readonly htpasswd?: string;
  /** `client_max_body_size`; none by default. */
  readonly maxBody?: string;
}

/** nginx with TLS in front of a registry. Ends with the test. @returns `127.0.0.1:port` */
export async function startNginx(t: TestContext, options: NginxOptions): Promise<string> {
  const program = findProgram("nginx");
  if (program === undefined) throw new Error("nginx is not installed; use needs()");
  const dir = await mkdtemp(join(tmpdir(), "lading-nginx-"));
  const temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"];
  for (const name of temporary) await mkdir(join(dir, name));
  if (options.htpasswd !== undefined)
    await writeFile(join(dir, "htpasswd"), `${options.htpasswd}\n`, { mode: 0o644 });
  const port = await freePort();
  const { certificates } = options;
  await writeFile(
    join(dir, "nginx.conf"),
    `daemon off; master_process off; pid ${dir}/pid; error_log stderr error;
events { worker_connections 64; }
http {
  access_log off;
  ${temporary.map((name) => `${name}_temp_path ${dir}/${name};`).join("\n  ")}
  server {
    listen 127.0.0.1:${port} ssl;
    ssl_certificate ${certificates.server.cert};
    ssl_certificate_key ${certificates.server.key};
    ${options.clientCertificates === true ? `ssl_client_certificate ${certificates.ca}; ssl_verify_client on;` : ""}
    client_max_body_size ${options.maxBody ?? "0"};
    location / {
      ${options.htpasswd === undefined ? "" : `auth_basic "nginx"; auth_basic_user_file ${dir}/htpasswd;`}
      proxy_pass http://${options.target};
      proxy_set_header Host $http_host;
      proxy_set_header X-Forwarded-Proto https;
      ${options.htpasswd === undefined ? "" : 'proxy_set_header Authorization "";'}
      proxy_request_buffering off;
      proxy_http_version 1.1;
    }
  }
}
`,
  );
  const child = spawn(program, ["-p", dir, "-c", join(dir, "nginx.conf")], {
    stdio: ["ignore", "ignore", "pipe"],
  });
  let log = "";
  child.stderr.on("data", (chunk) => {
    log += chunk;
  });
  t.after(async () => {
    if (child.exitCode === null && child.signalCode === null) {
      child.kill("SIGKILL");
      await once(child, "exit");
    }
    await removeFolder(dir);
  });
  for (let wait = 0; !(await answers(port)); wait++) {
    if (child.exitCode !== null || wait > 200) throw new Error(`nginx does not answer:\n${log}`);
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
  return `127.0.0.1:${port}`;
}

async function freePort(): Promise<number> {
  const server = createServer();
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, "close");
  return port;
}

function answers(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1");
    socket.once("connect", () => {
      socket.destroy();
      resolve(true);
    });
    socket.once("error", () => resolve(false));
  });
}
