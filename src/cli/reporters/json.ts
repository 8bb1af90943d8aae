import type { LadingEvent } from "../../events.ts";
import { jsonText } from "../json-text.ts";
import type { Reporter, Screen } from "./reporter.ts";

/** Progress of a blob is told at most this often. */
const intervalMs = 100;

/** One event per line as JSON, for programs. Bytes of one blob are added up between lines. */
export function jsonReporter(screen: Screen, debug: boolean): Reporter {
  const pending = new Map<
    string,
    { since: number; event: Extract<LadingEvent, { type: "progress" }>; bytes: number }
  >();
  const write = (event: object) => void screen.write(`${jsonText(event)}\n`);
  const flush = (key: string) => {
    const held = pending.get(key);
    pending.delete(key);
    if (held) write({ ...held.event, bytes: held.bytes });
  };
  return {
    on: (event) => {
      if (event.type === "debug" && !debug) return;
      if (!("descriptor" in event)) return write(event);
      const key = `${event.descriptor.digest} ${event.to}`;
      if (event.type !== "progress") {
        flush(key);
        return write(event);
      }
      const held = pending.get(key) ?? { since: Date.now(), event, bytes: 0 };
      held.bytes += event.bytes;
      pending.set(key, held);
      if (Date.now() - held.since >= intervalMs) flush(key);
    },
    say: (line) => write({ type: "message", message: line }),
    stop: () => {
      for (const key of [...pending.keys()]) flush(key);
    },
  };
}
