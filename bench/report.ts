import type { Measured } from "./measure.ts";
import type { RegistryKind } from "./registries.ts";

export interface SideResult {
  readonly side: string;
  readonly seconds: readonly number[];
  readonly medianSeconds: number;
  /** Median of what the side's own processes took, all cores added up. */
  readonly cpuSeconds: number;
  /** MB (10^6 bytes) of input per second, by the median. */
  readonly mbPerSecond: number;
  /** How many times as fast as the baseline, by the medians. */
  readonly speedup: number;
  readonly peakMb: number;
  /** Bytes written per byte of input, where the scenario is about that. */
  readonly ratio?: number;
}

export interface ScenarioResult {
  readonly scenario: string;
  readonly title: string;
  /** What served, where it is about registries. */
  readonly registry?: RegistryKind;
  readonly input: string;
  readonly baseline: string;
  /** What all sides made. */
  readonly content: string;
  readonly sides: readonly SideResult[];
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  const upper = sorted[middle] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? Number.NaN) + upper) / 2;
}

/** Sums the runs of each side up. */
export function summarise(
  runs: ReadonlyMap<string, readonly Measured[]>,
  bytes: number,
  baseline: string,
  written: ReadonlyMap<string, number>,
): SideResult[] {
  const base = median((runs.get(baseline) ?? []).map((run) => run.seconds));
  return [...runs].map(([side, measured]) => {
    const seconds = measured.map((run) => run.seconds);
    const medianSeconds = median(seconds);
    const size = written.get(side);
    return {
      side,
      seconds,
      medianSeconds,
      cpuSeconds: median(measured.map((run) => run.cpuSeconds)),
      mbPerSecond: bytes / 1e6 / medianSeconds,
      speedup: base / medianSeconds,
      peakMb: Math.max(...measured.map((run) => run.peakBytes)) / 1e6,
      ...(size === undefined ? {} : { ratio: size / bytes }),
    };
  });
}

/** The result of a scenario as a table for people. */
export function table(result: ScenarioResult): string {
  const sized = result.sides.some(({ ratio }) => ratio !== undefined);
  const rows = [
    ["", "median", "range", "CPU", "MB/s", `× ${result.baseline}`, "peak MB", ...(sized ? ["size"] : [])],
    ...result.sides.map((side) => [
      side.side,
      `${side.medianSeconds.toFixed(2)} s`,
      `${Math.min(...side.seconds).toFixed(2)}–${Math.max(...side.seconds).toFixed(2)}`,
      side.cpuSeconds === 0 ? "?" : `${side.cpuSeconds.toFixed(2)} s`,
      side.mbPerSecond === 0 ? "" : side.mbPerSecond.toFixed(0),
      side.speedup.toFixed(2),
      side.peakMb === 0 ? "?" : side.peakMb.toFixed(0),
      ...(sized ? [side.ratio?.toFixed(3) ?? ""] : []),
    ]),
  ];
  const widths = rows[0]?.map((_, i) => Math.max(...rows.map((row) => row[i]?.length ?? 0))) ?? [];
  const lines = rows.map((row) =>
    row.map((cell, i) => (i === 0 ? cell.padEnd(widths[i] ?? 0) : cell.padStart(widths[i] ?? 0))).join("  "),
  );
  return [
    `${result.scenario}: ${result.title}${result.registry === undefined ? "" : ` (served by ${result.registry})`}`,
    `${result.input}; all made ${result.content}`,
    ...lines,
  ].join("\n");
}
