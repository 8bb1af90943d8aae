import type { Reporter } from "../reporters/reporter.ts";
import { printable } from "../table.ts";
import { dumpOf } from "./debug.ts";

/**
 * What imgpkg says while a command runs: nothing, but with `--debug` what goes over the wire. Warnings are Lading's own,
 * and on a terminal there are its bars as well.
 * @param base a reporter that shows no debug events
 */
export function imgpkgReporter(
  base: Reporter,
  options: { readonly debug: boolean; readonly onTerminal: boolean },
): Reporter {
  return {
    ...base,
    on: (event) => {
      if (event.type === "debug") {
        if (!options.debug) return;
        base.say(event.http === undefined ? printable(event.message) : dumpOf(event.http(), new Date()));
      } else if (event.type !== "retrying" || options.onTerminal) base.on(event);
    },
  };
}
