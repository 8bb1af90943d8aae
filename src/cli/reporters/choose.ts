import type { Paint } from "../color.ts";
import { jsonReporter } from "./json.ts";
import { plainReporter } from "./plain.ts";
import type { Reporter, Screen } from "./reporter.ts";
import { silentReporter } from "./silent.ts";
import { terminalReporter } from "./terminal.ts";

export interface ReporterWishes {
  /** The `--progress` flag. */
  readonly progress: string;
  readonly quiet: boolean;
  readonly debug: boolean;
}

/** The reporter that fits the flags and what standard error is. */
export function chooseReporter(
  wishes: ReporterWishes,
  screen: Screen & { readonly isTTY?: boolean },
  paint: Paint,
): Reporter {
  const { debug, quiet } = wishes;
  const how =
    wishes.progress === "auto"
      ? quiet
        ? "none"
        : screen.isTTY === true
          ? "bars"
          : "plain"
      : wishes.progress;
  if (how === "bars") return terminalReporter(screen, paint, debug);
  if (how === "plain") return plainReporter(screen, paint, debug);
  if (how === "json") return jsonReporter(screen, debug);
  return silentReporter(screen, paint, { debug, quiet });
}
