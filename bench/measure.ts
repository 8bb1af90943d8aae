import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { run } from "./run.ts";

export interface Measured {
  readonly seconds: number;
  /** Of the process and its children, all cores added up; 0 where /proc is not there. */
  readonly cpuSeconds: number;
  /** Most memory of the process and its children at one time, in bytes; 0 where /proc is not there. */
  readonly peakBytes: number;
  readonly output: string;
}

/** How often memory is looked at, in milliseconds. The kernel keeps each process's own high-water mark meanwhile. */
const interval = 20;

/** Node reads such a file at every start, which takes longer than all else. */
const { NODE_EXTRA_CA_CERTS: _, ...environment } = process.env;

/** Runs a program to its end. @throws when it fails, with what it said */
export async function measure(command: readonly string[]): Promise<Measured> {
  const [program = "", ...args] = command;
  // What the last one wrote is not to be waited for by the next.
  await run("sync", []);
  const cpuBefore = cpuOfChildren();
  const start = process.hrtime.bigint();
  const child = spawn(program, args, { stdio: ["ignore", "pipe", "pipe"], env: environment });
  const said: Buffer[] = [];
  const complained: Buffer[] = [];
  child.stdout.on("data", (data: Buffer) => said.push(data));
  child.stderr.on("data", (data: Buffer) => complained.push(data));
  let peakBytes = 0;
  const look = () => {
    if (child.pid !== undefined) peakBytes = Math.max(peakBytes, peakOf(child.pid));
  };
  const timer = setInterval(look, interval);
  look();
  try {
    const status = await new Promise<number | string>((resolve, reject) => {
      child.on("error", reject);
      child.on("close", (code, signal) => resolve(code ?? signal ?? "?"));
    });
    const seconds = Number(process.hrtime.bigint() - start) / 1e9;
    if (status !== 0) {
      throw new Error(
        `${command.join(" ")} ended with ${status}: ${Buffer.concat(complained).toString().slice(-2000)}`,
      );
    }
    return {
      seconds,
      cpuSeconds: cpuOfChildren() - cpuBefore,
      peakBytes,
      output: Buffer.concat(said).toString(),
    };
  } finally {
    clearInterval(timer);
  }
}

/** What children of this process took that have ended. Servers that run on do not count. */
function cpuOfChildren(): number {
  try {
    const stat = readFileSync("/proc/self/stat", "latin1");
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    // cutime and cstime, fields 16 and 17 of proc(5), in ticks of 10 ms.
    return (Number(fields[13]) + Number(fields[14])) / 100;
  } catch {
    return 0;
  }
}

/** Adds up the high-water marks of a process and its descendants, as far as they are alive. */
function peakOf(pid: number): number {
  try {
    const status = readFileSync(`/proc/${pid}/status`, "latin1");
    const kib = Number(/^VmHWM:\s+(\d+)/m.exec(status)?.[1] ?? 0);
    const children = readFileSync(`/proc/${pid}/task/${pid}/children`, "latin1").split(" ");
    return children.reduce((sum, child) => sum + (child === "" ? 0 : peakOf(Number(child))), kib * 1024);
  } catch {
    // It has just ended, or there is no /proc.
    return 0;
  }
}
