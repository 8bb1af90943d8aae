import { paintFor } from "./color.ts";
import { formatError, reportOf } from "./error-report.ts";
import { exitCodes } from "./exit-codes.ts";
import type { Face, FaceStreams } from "./face.ts";
import { jsonText } from "./json-text.ts";
import { renderOutcome, writeAll } from "./output.ts";
import { chooseReporter } from "./reporters/choose.ts";

/** The program as itself. */
export function ladingFace(name: string, { environment, stdout, stderr }: FaceStreams): Face {
  return {
    name,
    help: async ({ asked, text }) => {
      await writeAll(asked ? stdout() : stderr(), text);
      return asked ? exitCodes.done : exitCodes.usage;
    },
    begin: async () => {},
    reporter: (options) => chooseReporter(options, stderr(), paintFor(options.color, stderr(), environment)),
    render: async (outcome, options) => {
      if (!options.tty || options.json || outcome.imgpkg === undefined)
        return renderOutcome(outcome, options);
      const { renderParts } = await import("./imgpkg/output.ts");
      return renderParts(outcome.imgpkg, { onTerminal: true, columns: options.column });
    },
    exitCode: (outcome) => outcome.exitCode ?? exitCodes.done,
    fail: async (error, options, where) => {
      const called = { program: name, ...("command" in where ? { command: where.command } : {}) };
      const report = reportOf(error, called);
      const paint = paintFor(options.color, stderr(), environment);
      await writeAll(stderr(), `${formatError(error, paint, options.debug, called)}\n`);
      if (options.json) await writeAll(stdout(), `${jsonText({ error: report }, 2)}\n`);
      return report.exitCode;
    },
  };
}
