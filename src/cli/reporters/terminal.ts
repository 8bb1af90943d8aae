import type { LadingEvent } from "../../events.ts";
import type { Paint } from "../color.ts";
import { printable } from "../table.ts";
import { formatBytes, formatClock, formatRate, formatSpan } from "../units.ts";
import type { Reporter, Screen } from "./reporter.ts";
import { shortName, Tally, type Transfer } from "./tally.ts";

/** Ten times a second is as smooth as the eye needs and costs nothing. */
const frameMs = 100;
const barWidth = 24;
const mostBars = 8;
/** Blobs that are gone before one could read their line get none. */
const showAfterMs = 250;

/** Bars for what moves, redrawn in place below the lines that stay. */
export function terminalReporter(screen: Screen, paint: Paint, debug: boolean): Reporter {
  const tally = new Tally();
  const rate = new Rate();
  let drawn = 0;
  let timer: NodeJS.Timeout | undefined;

  const erase = () => {
    if (drawn > 0) screen.write(`\u001b[${drawn}A\r\u001b[J`);
    drawn = 0;
  };
  const draw = () => {
    const now = Date.now();
    rate.sample(tally.doneBytes, now);
    const width = Math.max(20, (screen.columns || 80) - 1);
    const lines = frame(tally, rate, now, paint).map((line) => clip(line, width));
    const up = drawn > 0 ? `\u001b[${drawn}A\r` : "";
    if (lines.length > 0 || drawn > 0)
      screen.write(`${up}\u001b[J${lines.map((line) => `${line}\n`).join("")}`);
    drawn = lines.length;
  };
  const say = (line: string) => {
    erase();
    screen.write(`${line}\n`);
  };
  return {
    on: (event) => {
      tally.add(event, Date.now());
      const line = lineOf(event, paint, debug);
      if (line !== undefined) say(line);
      if (timer === undefined) {
        timer = setInterval(draw, frameMs);
        timer.unref();
      }
    },
    say,
    stop: () => {
      clearInterval(timer);
      erase();
    },
  };
}

/** What is worth a line of its own among the bars or the plain lines. */
export function lineOf(event: LadingEvent, paint: Paint, debug: boolean): string | undefined {
  switch (event.type) {
    case "warning":
      return `${paint.yellow("warning:")} ${printable(event.message)}${event.hint ? ` (${printable(event.hint)})` : ""}`;
    case "retrying": {
      const { what, reason } = event;
      // Most reasons say themselves what could not be done.
      const said = printable(reason.includes(what) ? reason : `${what}: ${reason}`);
      return `${paint.yellow("trying again")} in ${formatSpan(event.delayMs)} (${event.attempt}): ${said}`;
    }
    case "debug":
      return debug ? paint.dim(`debug: ${printable(event.message)}`) : undefined;
    default:
      return undefined;
  }
}

function frame(tally: Tally, rate: Rate, now: number, paint: Paint): string[] {
  const visible = [...tally.active.values()]
    .filter((transfer) => now - transfer.startedAt >= showAfterMs)
    .sort((a, b) => b.descriptor.size - a.descriptor.size);
  const lines = visible.slice(0, mostBars).map((transfer) => transferLine(transfer, paint));
  if (visible.length > mostBars) lines.push(paint.dim(`  and ${visible.length - mostBars} more`));
  if (tally.files > 0 && tally.expectedBytes === 0) {
    lines.push(`  ${tally.files} files, ${formatBytes(tally.fileBytes)}`);
  }
  if (tally.expectedBytes > 0) {
    const left = tally.expectedBytes - tally.doneBytes;
    const eta = left > 0 && rate.bytesPerSecond > 0 ? formatClock((left / rate.bytesPerSecond) * 1000) : "";
    lines.push(
      barLine(
        "total",
        tally.doneBytes,
        tally.expectedBytes,
        `${formatRate(rate.bytesPerSecond)}  ${eta}`,
        paint,
      ),
    );
  }
  return lines;
}

function transferLine({ descriptor, done }: Transfer, paint: Paint): string {
  return barLine(shortName(descriptor), done, descriptor.size, "", paint);
}

function barLine(name: string, done: number, total: number, rest: string, paint: Paint): string {
  const share = total === 0 ? 1 : Math.min(1, done / total);
  const full = Math.round(share * barWidth);
  const bar = paint.green("━".repeat(full)) + paint.dim("─".repeat(barWidth - full));
  return `  ${name.padEnd(21)}  ${bar}  ${formatBytes(done)} of ${formatBytes(total)}  ${rest}`.trimEnd();
}

/** Cuts what would wrap: a wrapped line would break the count of lines to take back. Escapes take no width. */
function clip(line: string, width: number): string {
  let seen = 0;
  let out = "";
  // biome-ignore lint/suspicious/noControlCharactersInRegex: escapes are what it looks for
  for (const piece of line.split(/(\u001b\[[0-9;]*m)/)) {
    if (piece.startsWith("\u001b")) out += piece;
    else {
      out += piece.slice(0, Math.max(0, width - seen));
      seen += piece.length;
    }
  }
  return out;
}

/** Bytes a second over the last few seconds. */
class Rate {
  bytesPerSecond = 0;
  readonly #samples: { at: number; bytes: number }[] = [];

  sample(bytes: number, at: number): void {
    this.#samples.push({ at, bytes });
    while (this.#samples.length > 30) this.#samples.shift();
    const first = this.#samples[0];
    if (first === undefined || at - first.at < 2 * frameMs) return;
    this.bytesPerSecond = Math.max(0, ((bytes - first.bytes) * 1000) / (at - first.at));
  }
}
