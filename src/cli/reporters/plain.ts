import type { Paint } from "../color.ts";
import { formatBytes, formatSpan } from "../units.ts";
import type { Reporter, Screen } from "./reporter.ts";
import { Tally } from "./tally.ts";
import { lineOf } from "./terminal.ts";

const step = 25;

/**
 * A line for each quarter of the work, for logs.
 * @param patienceMs work that takes less leaves no line
 */
export function plainReporter(screen: Screen, paint: Paint, debug: boolean, patienceMs = 1000): Reporter {
  const tally = new Tally();
  const begun = Date.now();
  let shown = 0;
  const say = (line: string) => void screen.write(`${line}\n`);
  return {
    on: (event) => {
      tally.add(event, Date.now());
      const line = lineOf(event, paint, debug);
      if (line !== undefined) say(line);
      // Only against a known total: without a plan every share would be 100 %.
      if (tally.totalBytes === 0 || (event.type !== "progress" && event.type !== "finished")) return;
      const elapsed = Date.now() - begun;
      if (elapsed < patienceMs) return;
      const share = Math.min(100, Math.floor((tally.doneBytes / tally.totalBytes) * 100));
      const reached = share - (share % step);
      if (reached <= shown) return;
      shown = reached;
      const bytes = `${formatBytes(tally.doneBytes)} of ${formatBytes(tally.totalBytes)}`;
      say(`${String(reached).padStart(3)} %  ${bytes}  after ${formatSpan(elapsed)}`);
    },
    say,
    stop: () => {},
  };
}
