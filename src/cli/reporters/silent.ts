import type { Paint } from "../color.ts";
import type { Reporter, Screen } from "./reporter.ts";
import { lineOf } from "./terminal.ts";

/** No progress; warnings unless everything is to be quiet, and what was asked for with `--debug`. */
export function silentReporter(
  screen: Screen,
  paint: Paint,
  { debug, quiet }: { readonly debug: boolean; readonly quiet: boolean },
): Reporter {
  const say = (line: string) => void screen.write(`${line}\n`);
  return {
    on: (event) => {
      if (quiet && event.type !== "debug") return;
      const line = lineOf(event, paint, debug);
      if (line !== undefined) say(line);
    },
    say,
    stop: () => {},
  };
}
