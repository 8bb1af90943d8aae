import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";

export interface Measured {
  readonly seconds: number;
  /** Most memory of the process and all its children together, in bytes; 0 where /proc is not there. */
  readonly peakBytes: number;
  readonly output: string;
}

/** How often memory is looked at, in milliseconds. The kernel keeps each process's own high-water mark meanwhile. */
const interval = 20;

/** Runs a program to its end. @throws when it fails, with what it said */
export async function measure(command: readonly string[]): Promise<Measured> {
  const [program = "", ...args] = command;
  const start = process.hrtime.bigint();
  const child = spawn(program, args, { stdio: ["ignore", "pipe", "pipe"] });
  const said: Buffer[] = [];
  const complained: Buffer[] = [];
  child.stdout.on("data", (data: Buffer) => said.push(data));
  child.stderr.on("data", (data: Buffer) => complained.push(data));
  const peaks = new Map<number, number>();
  const look = () => {
    if (child.pid !== undefined) recordPeaks(child.pid, peaks);
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
    const peakBytes = [...peaks.values()].reduce((sum, bytes) => sum + bytes, 0);
    return { seconds, peakBytes, output: Buffer.concat(said).toString() };
  } finally {
    clearInterval(timer);
  }
}

/** Notes the high-water mark of a process and its descendants, where it is higher than before. */
function recordPeaks(pid: number, peaks: Map<number, number>): void {
  try {
    const status = readFileSync(`/proc/${pid}/status`, "latin1");
    const kib = Number(/^VmHWM:\s+(\d+)/m.exec(status)?.[1] ?? 0);
    peaks.set(pid, Math.max(peaks.get(pid) ?? 0, kib * 1024));
    const children = readFileSync(`/proc/${pid}/task/${pid}/children`, "latin1");
    for (const child of children.split(" ")) if (child !== "") recordPeaks(Number(child), peaks);
  } catch {
    // It has just ended, or there is no /proc.
  }
}
