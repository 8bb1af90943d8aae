import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { findProgram } from "./peers.ts";
import { removeFolder } from "./tmp.ts";

export interface DockerRegistryOptions {
  /** Wants `dockerRegistryUser` with `dockerRegistryPassword` for everything, or the user of this htpasswd line. */
  readonly htpasswd?: boolean | string;
  /** Default true. */
  readonly deletes?: boolean;
  readonly readOnly?: boolean;
  /** Paths of PEM files. */
  readonly tls?: { readonly cert: string; readonly key: string };
  /** Where its data live; a fresh folder when left out. */
  readonly dir?: string;
}

export interface DockerRegistry {
  /** `127.0.0.1:port`. */
  readonly host: string;
  /** Root of its storage driver. */
  readonly dir: string;
}

export const dockerRegistryUser = "user";
export const dockerRegistryPassword = "pass word";
/** Made with `htpasswd -B -C 5`: cheap on purpose. */
const htpasswdLine = "user:$2y$05$SLBP14y86WDb8H37T.pe0ulvB68hH/be8/ODr.s306zBwTTcVbnwe";

/** Starts Debian's docker-registry on a free loopback port; it ends with the test, or with whatever else calls back. */
export async function startDockerRegistry(
  t: { after(stop: () => Promise<void>): void },
  options: DockerRegistryOptions = {},
): Promise<DockerRegistry> {
  const program = findProgram("docker-registry");
  if (program === undefined) throw new Error("docker-registry is not installed; use needs()");
  const home = await mkdtemp(join(tmpdir(), "lading-docker-registry-"));
  const dir = options.dir ?? join(home, "data");
  const users = join(home, "htpasswd");
  const config = join(home, "config.yml");
  const line = typeof options.htpasswd === "string" ? options.htpasswd : htpasswdLine;
  await writeFile(users, `${line}\n`);
  // YAML reads JSON.
  await writeFile(
    config,
    JSON.stringify({
      version: "0.1",
      log: { level: "info", formatter: "json", accesslog: { disabled: true } },
      storage: {
        filesystem: { rootdirectory: dir },
        delete: { enabled: options.deletes ?? true },
        maintenance: {
          uploadpurging: { enabled: false },
          readonly: { enabled: options.readOnly ?? false },
        },
      },
      // Without this it refuses manifests whose foreign layers have urls.
      validation: { manifests: { urls: { allow: ["^https?://"] } } },
      http: {
        addr: "127.0.0.1:0",
        ...(options.tls === undefined
          ? {}
          : { tls: { certificate: options.tls.cert, key: options.tls.key } }),
      },
      ...(options.htpasswd ? { auth: { htpasswd: { realm: "test", path: users } } } : {}),
    }),
  );
  const child = spawn(program, ["serve", config], { stdio: ["ignore", "ignore", "pipe"], env: {} });
  t.after(async () => {
    if (child.exitCode === null && child.signalCode === null) {
      child.kill("SIGKILL");
      await once(child, "exit");
    }
    await removeFolder(home);
  });
  const log: string[] = [];
  const port = await new Promise<string>((resolve, reject) => {
    // The port is the kernel's choice, so that no two tests can meet on one: the log tells which.
    createInterface({ input: child.stderr }).on("line", (line) => {
      if (log.length < 100) log.push(line);
      const found = /listening on (?:\[::\]|127\.0\.0\.1):([0-9]+)/.exec(line)?.[1];
      if (found !== undefined) resolve(found);
    });
    child.once("error", reject);
    child.once("exit", () => reject(new Error(`docker-registry ended:\n${log.join("\n")}`)));
  });
  return { host: `127.0.0.1:${port}`, dir };
}
