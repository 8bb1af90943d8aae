import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { createHash } from "node:crypto";
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmdirSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";

const root = process.env["LADING_ROOT"] ?? process.cwd();
const lock = join(root, "build/program-lock");
let path: string | undefined;

/**
 * Path of the bundled program, built from the sources as they are now. Test files run at the same time, so one builds and
 * the others wait; each state of the sources has a folder of its own.
 */
export function program(): string {
  path ??= build(`build/program-${sourcesDigest().slice(0, 16)}`);
  return path;
}

function build(folder: string): string {
  const built = join(root, folder, "lading.js");
  mkdirSync(join(root, "build"), { recursive: true });
  takeLock();
  try {
    if (!existsSync(`${built}.done`)) {
      removeOlder();
      const options = JSON.stringify({ library: false, program: folder });
      const script = `const { build } = await import("./scripts/build.mjs"); await build(${options});`;
      execFileSync(process.execPath, ["--input-type=module", "-e", script], {
        cwd: root,
        stdio: ["ignore", 2, 2],
      });
      writeFileSync(`${built}.done`, "");
    }
  } finally {
    rmdirSync(lock);
  }
  return built;
}

/** Programs of an hour ago: no test runs with them any more. */
function removeOlder(): void {
  for (const name of readdirSync(join(root, "build"))) {
    const folder = join(root, "build", name);
    if (!/^program-[0-9a-f]+$/.test(name) || Date.now() - statSync(folder).mtimeMs < 3_600_000) continue;
    rmSync(folder, { recursive: true, force: true });
  }
}

function takeLock(): void {
  for (;;) {
    try {
      mkdirSync(lock);
      return;
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
  /** Default one minute. */
  readonly timeoutMs?: number;
  /** Name of a link to the program, to call it by. */
  readonly as?: string;
}

/** Starts the program; the caller ends it. */
export function startLading(args: readonly string[], options: RunOptions = {}): ChildProcess {
  return spawn(
    process.execPath,
    [options.as === undefined ? program() : linkTo(program(), options.as), ...args],
    {
      cwd: options.cwd ?? process.cwd(),
      env: cleanEnvironment(options.env),
      stdio: ["pipe", "pipe", "pipe"],
      // A program that hangs fails its test, not the whole run.
      timeout: options.timeoutMs ?? 60_000,
    },
  );
}

/** Path of a link to the program with this name. */
export function linkTo(built: string, name: string): string {
  const link = join(dirname(built), name);
  try {
    symlinkSync("lading.js", link);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
  }
  return link;
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

/** The program called as imgpkg. */
export function imgpkg(args: readonly string[], options: RunOptions = {}): Promise<Ended> {
  return lading(args, { as: "imgpkg", ...options });
}

/** Without what a developer's own set-up would change: credentials, colours, proxies. */
export function cleanEnvironment(extra: NodeJS.ProcessEnv = {}): NodeJS.ProcessEnv {
  const kept = Object.entries(process.env).filter(
    ([name]) =>
      !/^(?:LADING_|IMGPKG_|DOCKER_|REGISTRY_AUTH|XDG_|NO_COLOR|FORCE_COLOR|https?_proxy|no_proxy)/i.test(
        name,
      ) && name !== "NODE_EXTRA_CA_CERTS",
  );
  return { ...Object.fromEntries(kept), HOME: "/dev/null/home", ...extra };
}
