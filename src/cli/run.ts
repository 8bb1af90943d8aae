/** From the words of a line to an exit code: parse, run, print. */
import { basename } from "node:path";
import { type Paint, paintFor } from "./color.ts";
import type { Context, Outcome } from "./command.ts";
import { readEnvironment } from "./environment.ts";
import { formatError, reportOf } from "./error-report.ts";
import { exitCodes } from "./exit-codes.ts";
import { watchInterrupts } from "./interrupt.ts";
import { loaders } from "./loaders.ts";
import { renderOutcome, writeAll } from "./output.ts";
import { type Invocation, parseLine } from "./program.ts";
import { chooseReporter } from "./reporters/choose.ts";

interface GlobalOptions {
  readonly json: boolean;
  readonly quiet: boolean;
  readonly debug: boolean;
  readonly color: string;
  readonly progress: string;
  readonly concurrency?: number;
}

/** Runs one line of the program in this process. Resolves to the exit code and does not throw. */
export async function runLine(args: readonly string[], host: NodeJS.Process): Promise<number> {
  const { stdout, stderr, env } = host;
  const columns = stdout.columns ?? 100;
  // A reader that goes away early (`| head`) is not an error worth words.
  for (const stream of [stdout, stderr]) {
    stream.on("error", () => host.exit(exitCodes.failed));
  }
  let invocation: Invocation;
  try {
    invocation = parseLine(args, basename(host.argv[1] ?? "lading").replace(/\.js$/, ""), columns);
  } catch (error) {
    return await fail(error, host, paintFor("auto", stderr, env), {
      json: args.includes("--json"),
      debug: args.includes("--debug"),
    });
  }
  if (invocation.kind === "help") {
    await writeAll(invocation.asked ? stdout : stderr, invocation.text);
    return invocation.asked ? exitCodes.done : exitCodes.usage;
  }
  const options = invocation.options as unknown as GlobalOptions;
  const paint = paintFor(options.color, stderr, env);
  const reporter = chooseReporter(options, stderr, paint);
  const interrupts = watchInterrupts(
    host,
    () => reporter.say("stopping; press Ctrl-C again to leave at once"),
    () => host.exit(exitCodes.interrupted),
  );
  try {
    const module = await loaders[invocation.name]();
    const context: Context = {
      environment: readEnvironment(env, host.cwd()),
      signal: interrupts.signal,
      on: reporter.on,
      concurrency: options.concurrency,
      stdin: host.stdin,
      write: (chunk) => writeAll(stdout, chunk),
      stdoutIsTerminal: stdout.isTTY === true,
      say: reporter.say,
    };
    const outcome: Outcome = await module.run(invocation.options as never, context, invocation.args);
    reporter.stop();
    const text = renderOutcome(outcome, options);
    if (text !== "") await writeAll(stdout, text);
    return outcome.exitCode ?? exitCodes.done;
  } catch (error) {
    reporter.stop();
    // Whatever broke because of the interrupt, the interrupt is what happened.
    const reason: unknown = interrupts.signal.aborted ? interrupts.signal.reason : error;
    return await fail(reason, host, paint, options);
  } finally {
    interrupts.stop();
  }
}

async function fail(
  error: unknown,
  host: NodeJS.Process,
  paint: Paint,
  options: { readonly json: boolean; readonly debug: boolean },
): Promise<number> {
  const report = reportOf(error);
  await writeAll(host.stderr, `${formatError(error, paint, options.debug)}\n`);
  if (options.json) await writeAll(host.stdout, `${JSON.stringify({ error: report }, null, 2)}\n`);
  return report.exitCode;
}
