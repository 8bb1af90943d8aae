import { createHash, randomBytes } from "node:crypto";
import { readFileSync, readlinkSync } from "node:fs";
import { hostname } from "node:os";
import { systemCode } from "../errors.ts";

/** Which process something belongs to, well enough to tell later whether that process still lives. */
export interface ProcessIdentity {
  readonly pid: number;
  /** Clock ticks since boot when it started, or 0 where the system does not say. Tells a reused pid from the old one. */
  readonly start: number;
  /** Hash of host, boot and pid namespace: pids of another one say nothing here. */
  readonly host: string;
}

let own: ProcessIdentity | undefined;

export function ownIdentity(): ProcessIdentity {
  own ??= { pid: process.pid, start: startOf(process.pid) ?? 0, host: hostKey() };
  return own;
}

function hostKey(): string {
  const parts = [
    hostname(),
    text(() => readFileSync("/proc/sys/kernel/random/boot_id", "utf8")),
    text(() => readlinkSync("/proc/self/ns/pid")),
  ];
  return createHash("sha256").update(parts.join("\n")).digest("hex").slice(0, 8);
}

function text(read: () => string): string {
  try {
    return read();
  } catch {
    return "";
  }
}

/** Field 22 of /proc/<pid>/stat; the command before it may hold spaces and brackets. */
function startOf(pid: number): number | undefined {
  const stat = text(() => readFileSync(`/proc/${pid}/stat`, "utf8"));
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  const start = Number(fields[19]);
  return Number.isSafeInteger(start) && start > 0 ? start : undefined;
}

/** Whether the process lives: undefined when that cannot be known from here (another host or container). */
export function isAlive(identity: ProcessIdentity): boolean | undefined {
  if (identity.host !== ownIdentity().host) return undefined;
  try {
    process.kill(identity.pid, 0);
  } catch (error) {
    if (systemCode(error) === "ESRCH") return false;
    if (systemCode(error) !== "EPERM") return undefined;
  }
  const start = startOf(identity.pid);
  return identity.start === 0 || start === undefined || start === identity.start;
}

const namePattern = /^\.tmp-(\d+)-(\d+)-([0-9a-f]{8})-[0-9a-f]{12}(?:\.([a-z0-9]+-[0-9a-f]+))?$/;

/** A file name for something unfinished of this process; `content` says what it will be. */
export function temporaryName(content?: string): string {
  const { pid, start, host } = ownIdentity();
  const name = `.tmp-${pid}-${start}-${host}-${randomBytes(6).toString("hex")}`;
  return content === undefined ? name : `${name}.${content}`;
}

/** Whose a file made under `temporaryName` is, or undefined for other files. */
export function ownerOfTemporary(
  name: string,
): { readonly owner: ProcessIdentity; readonly content: string | undefined } | undefined {
  const [, pid, start, host, content] = namePattern.exec(name) ?? [];
  if (pid === undefined || host === undefined) return undefined;
  return { owner: { pid: Number(pid), start: Number(start), host }, content };
}
