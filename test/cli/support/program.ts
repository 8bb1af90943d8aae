import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { createHash } from "node:crypto";
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmdirSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";

const root = process.env["LADING_ROOT"] ?? process.cwd();
const bundle = join(root, "dist/bin/lading.js");
const mark = join(root, "build/program-sources");
const lock = join(root, "build/program-lock");

/**
 * Path of the bundled program, built anew when its sources changed. Test files run at the same time, so one builds and
 * the others wait.
 */
export function program(): string {
  const wanted = sourcesDigest();
  if (isBuilt(wanted)) return bundle;
  mkdirSync(join(root, "build"), { recursive: true });
  takeLock();
  try {
    if (!isBuilt(wanted)) {
      const script = `const { build } = await import("./scripts/build.mjs"); await build({ library: false });`;
      execFileSync(process.execPath, ["--input-type=module", "-e", script], {
        cwd: root,
        stdio: ["ignore", 2, 2],
      });
      writeFileSync(mark, wanted);
    }
  } finally {
    rmdirSync(lock);
  }
  return bundle;
}

function isBuilt(wanted: string): boolean {
  return existsSync(bundle) && existsSync(mark) && readFileSync(mark, "utf8") === wanted;
}

function takeLock(): void {
  for (;;) {
    try {
      return mkdirSync(lock);
    } catch {
      // Left behind by a run that was killed.
      const age = Date.now() - (statSync(lock, { throwIfNoEntry: false })?.mtimeMs ?? Date.now());
      if (age > 60_000) rmdirSync(lock);
      else Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 50);
    }
  }
}

function sourcesDigest(): string {
  const hash = createHash("sha256");
  const add = (folder: string): void => {
    for (const entry of readdirSync(folder, { withFileTypes: true }).sort((a, b) =>
      a.name < b.name ? -1 : 1,
    )) {
      const path = join(folder, entry.name);
      if (entry.isDirectory()) add(path);
      else hash.update(path).update(readFileSync(path));
    }
  };
  add(join(root, "src"));
  hash.update(readFileSync(join(root, "scripts/build.mjs"))).update(readFileSync(join(root, "package.json")));
  return hash.digest("hex");
}

export interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunOptions {
  readonly cwd?: string;
  readonly env?: NodeJS.ProcessEnv;
  readonly input?: string;
}

/** Starts the program; the caller ends it. */
export function startLading(args: readonly string[], options: RunOptions = {}): ChildProcess {
  return spawn(process.execPath, [program(), ...args], {
    cwd: options.cwd ?? process.cwd(),
    env: cleanEnvironment(options.env),
    stdio: ["pipe", "pipe", "pipe"],
  });
}

/** Runs the program to its end. Never fails: the exit code is part of the answer. */
export async function lading(args: readonly string[], options: RunOptions = {}): Promise<Ended> {
  const child = startLading(args, options);
  child.stdin?.on("error", () => {});
  child.stdin?.end(options.input ?? "");
  return ended(child);
}

export async function ended(child: ChildProcess): Promise<Ended> {
  const out: Buffer[] = [];
  const err: Buffer[] = [];
  child.stdout?.on("data", (chunk: Buffer) => out.push(chunk));
  child.stderr?.on("data", (chunk: Buffer) => err.push(chunk));
  const code = await new Promise<number | null>((resolve, reject) => {
    child.once("error", reject);
    child.once("close", resolve);
  });
  return { code, stdout: Buffer.concat(out).toString(), stderr: Buffer.concat(err).toString() };
}

/** Without what a developer's own set-up would change: credentials, colours, proxies. */
export function cleanEnvironment(extra: NodeJS.ProcessEnv = {}): NodeJS.ProcessEnv {
  const kept = Object.entries(process.env).filter(
    ([name]) =>
      !/^(?:LADING_|IMGPKG_|DOCKER_|REGISTRY_AUTH|XDG_|NO_COLOR|FORCE_COLOR|https?_proxy|no_proxy)/i.test(
        name,
      ) && name !== "NODE_EXTRA_CA_CERTS",
  );
  return { ...Object.fromEntries(kept), HOME: "/nonexistent", ...extra };
}
