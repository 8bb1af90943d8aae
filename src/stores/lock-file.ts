import { randomBytes } from "node:crypto";
import { constants } from "node:fs";
import { open, readFile, stat, unlink, utimes } from "node:fs/promises";
import { setTimeout as delay } from "node:timers/promises";
import { LadingError, systemCode } from "../errors.ts";
import { isAlive, ownIdentity, type ProcessIdentity } from "./process-identity.ts";
import { storeError } from "./store-error.ts";

export interface LockOptions {
  /** For errors. */
  readonly place: string;
  /** How long to wait for another holder. Default 30,000 ms; 0 does not wait. */
  readonly waitMs?: number;
  readonly signal?: AbortSignal;
}

export interface Lock {
  release(): Promise<void>;
}

interface Holder extends ProcessIdentity {
  readonly nonce: string;
}

/**
 * A holder refreshes its lock this often; one that cannot be asked is taken for dead after the second. Shorter than the
 * wait below: a server that was killed in one container and started in another goes on by itself.
 */
const refreshMs = 2_000;
const staleMs = 20_000;

/**
 * Takes a lock between processes: a file that only one can create, with its holder's identity inside. The lock of a dead
 * process of this host is broken; that of another host (a shared folder) when it was not refreshed for twenty seconds.
 * @throws LadingError ERR_LADING_CONFLICT when it stays taken
 */
export async function takeLock(path: string, options: LockOptions): Promise<Lock> {
  const holder: Holder = { ...ownIdentity(), nonce: randomBytes(8).toString("hex") };
  const deadline = Date.now() + (options.waitMs ?? 30_000);
  for (let pause = 1; ; pause = Math.min(pause * 2, 40)) {
    options.signal?.throwIfAborted();
    if (await create(path, holder, options.place)) return held(path, holder);
    const seen = await readHolder(path);
    if (seen === undefined) continue;
    if (seen.stale) {
      if (await breakLock(path, seen.content)) continue;
    }
    if (Date.now() >= deadline) {
      throw new LadingError("ERR_LADING_CONFLICT", `${options.place} is in use by ${seen.who}`, {
        place: options.place,
        hint: `wait until it is done; if it is not running any more, delete ${path}`,
        retryable: true,
      });
    }
    await delay(pause * (0.5 + Math.random()), undefined, { signal: options.signal }).catch((error) => {
      options.signal?.throwIfAborted();
      throw error;
    });
  }
}

/** Runs `body` with the lock. */
export async function withLock<T>(path: string, options: LockOptions, body: () => Promise<T>): Promise<T> {
  const lock = await takeLock(path, options);
  try {
    return await body();
  } finally {
    await lock.release();
  }
}

async function create(path: string, holder: Holder, place: string): Promise<boolean> {
  try {
    const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;
    const handle = await open(path, flags, 0o644);
    try {
      await handle.write(JSON.stringify(holder));
    } catch (error) {
      await unlink(path).catch(() => {});
      throw error;
    } finally {
      await handle.close();
    }
    return true;
  } catch (error) {
    if (systemCode(error) === "EEXIST") return false;
    throw storeError(error, place, `cannot lock with ${path}`);
  }
}

function held(path: string, holder: Holder): Lock {
  const refresh = setInterval(() => {
    const now = new Date();
    utimes(path, now, now).catch(() => {});
  }, refreshMs);
  refresh.unref();
  return {
    release: async () => {
      clearInterval(refresh);
      // Only our own: after a long stop of this process another one may rightly have taken it.
      const content = await readFile(path, "utf8").catch(() => "");
      if (parseHolder(content)?.nonce === holder.nonce) await unlink(path).catch(() => {});
    },
  };
}

interface Seen {
  readonly content: string;
  readonly stale: boolean;
  readonly who: string;
}

async function readHolder(path: string): Promise<Seen | undefined> {
  try {
    const info = await stat(path);
    const content = info.size <= 1024 && info.isFile() ? await readFile(path, "utf8") : "?";
    const holder = parseHolder(content);
    const old = Date.now() - info.mtimeMs > staleMs;
    // Not filled in yet, or its maker died right after it made it.
    if (holder === undefined) return { content, stale: old, who: "another process" };
    const alive = isAlive(holder);
    return {
      content,
      stale: alive === undefined ? old : !alive,
      who: `process ${holder.pid}${alive === undefined ? " of another host" : ""}`,
    };
  } catch (error) {
    if (systemCode(error) === "ENOENT") return undefined;
    throw error;
  }
}

function parseHolder(content: string): Holder | undefined {
  try {
    const value = JSON.parse(content) as Partial<Holder> | null;
    if (typeof value !== "object" || value === null) return undefined;
    const { pid, start, host, nonce } = value;
    if (!Number.isSafeInteger(pid) || (pid as number) <= 0) return undefined;
    if (typeof start !== "number" || typeof host !== "string" || typeof nonce !== "string") return undefined;
    return { pid: pid as number, start, host, nonce };
  } catch {
    return undefined;
  }
}

/**
 * Removes a dead holder's lock. Only one process at a time may do it (the guard file), and it looks again first: else two
 * that saw the same dead lock could remove it twice, the second time from a living holder.
 */
async function breakLock(path: string, content: string): Promise<boolean> {
  const guard = `${path}.break`;
  try {
    await (await open(guard, "wx")).close();
  } catch (error) {
    if (systemCode(error) !== "EEXIST") throw error;
    const age = await stat(guard).then(
      (info) => Date.now() - info.mtimeMs,
      () => 0,
    );
    if (age > 10_000) await unlink(guard).catch(() => {});
    return false;
  }
  try {
    if ((await readFile(path, "utf8").catch(() => undefined)) === content) await unlink(path);
    return true;
  } finally {
    await unlink(guard).catch(() => {});
  }
}
