import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { startDockerRegistry } from "../test/support/docker-registry.ts";
import { findProgram } from "../test/support/peers.ts";

/** Debian's docker-registry (distribution 2.8), or `lading registry serve`. */
export type RegistryKind = "docker-registry" | "lading";

/** The kinds that can run here. */
export function registriesHere(): RegistryKind[] {
  return findProgram("docker-registry") === undefined ? ["lading"] : ["docker-registry", "lading"];
}

export interface Registry {
  /** `127.0.0.1:port`. */
  readonly host: string;
  stop(): Promise<void>;
}

/** Starts a registry over a folder, in a process of its own: what it costs is no side's cost. */
export async function startRegistry(
  { registry, lading }: { readonly registry: RegistryKind; readonly lading: string },
  dir: string,
): Promise<Registry> {
  if (registry === "lading") return await startLading(lading, dir);
  const atEnd: (() => Promise<void>)[] = [];
  const { host } = await startDockerRegistry({ after: (stop) => void atEnd.push(stop) }, { dir });
  return {
    host,
    stop: async () => {
      for (const stop of atEnd) await stop();
    },
  };
}

async function startLading(lading: string, dir: string): Promise<Registry> {
  const words = ["registry", "serve", "--dir", dir, "--listen", "127.0.0.1:0", "--log", "none"];
  const child = spawn(process.execPath, [lading, ...words], { stdio: ["ignore", "ignore", "pipe"] });
  const host = await new Promise<string>((resolve, reject) => {
    let said = "";
    child.once("error", reject);
    child.once("exit", () => reject(new Error(`the registry ended: ${said}`)));
    child.stderr.on("data", (chunk: Buffer) => {
      said += chunk.toString();
      const found = /http:\/\/(127\.0\.0\.1:\d+)/.exec(said)?.[1];
      if (found !== undefined) resolve(found);
    });
  });
  return { host, stop: () => stopped(child) };
}

async function stopped(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, "exit");
  child.kill("SIGTERM");
  await ended;
}

/** A registry that is there during a run only, and empty at its start: nothing of another side's is left to find. */
export class FreshRegistry {
  readonly #bench: { readonly registry: RegistryKind; readonly lading: string };
  #registry: Registry | undefined;

  constructor(bench: { readonly registry: RegistryKind; readonly lading: string }) {
    this.#bench = bench;
  }

  get host(): string {
    if (this.#registry === undefined) throw new Error("the registry is not there between runs");
    return this.#registry.host;
  }

  /** `before` and `after` of a side. */
  readonly around = {
    before: async (dir: string): Promise<void> => {
      this.#registry = await startRegistry(this.#bench, `${dir}/registry`);
    },
    after: async (): Promise<void> => {
      await this.#registry?.stop();
      this.#registry = undefined;
    },
  };
}
