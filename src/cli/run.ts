/** From the words of a line to an exit code: parse, run, print. */
import { basename } from "node:path";
import { systemCode } from "../errors.ts";
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
import type { Reporter } from "./reporters/reporter.ts";

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
  const { env } = host;
  let invocation: Invocation;
  try {
    invocation = parseLine(args, basename(host.argv[1] ?? "lading").replace(/\.js$/, ""), () =>
      columnsOf(host),
    );
  } catch (error) {
    return await fail(error, host, paintFor("auto", host.stderr, env), {
      json: args.includes("--json"),
      debug: args.includes("--debug"),
    });
  }
  if (invocation.kind === "help") {
    await writeAll(invocation.asked ? watched(host.stdout, host) : host.stderr, invocation.text);
    return invocation.asked ? exitCodes.done : exitCodes.usage;
  }
  const options = invocation.options as unknown as GlobalOptions;
  const paint = () => paintFor(options.color, host.stderr, env);
  const reporter = lazyReporter(() => chooseReporter(options, watched(host.stderr, host), paint()));
  const interrupts = watchInterrupts(
    host,
    () => reporter.say("stopping; press Ctrl-C again to leave at once"),
    () => host.exit(exitCodes.interrupted),
  );
  try {
    const module = await loaders[invocation.name]();
    const context = contextOf(options, reporter, interrupts.signal, host);
    const outcome: Outcome = await module.run(invocation.options as never, context, invocation.args);
    reporter.stop();
    const text = renderOutcome(outcome, options);
    if (text !== "") await context.write(text);
    return outcome.exitCode ?? exitCodes.done;
  } catch (error) {
    reporter.stop();
    // Whatever broke because of the interrupt, the interrupt is what happened.
    const reason: unknown = interrupts.signal.aborted ? interrupts.signal.reason : error;
    return await fail(reason, host, paint(), options);
  } finally {
    interrupts.stop();
  }
}

/** Node opens each standard stream when it is first looked at, which takes milliseconds: only what is needed is. */
function contextOf(
  options: GlobalOptions,
  reporter: Reporter,
  signal: AbortSignal,
  host: NodeJS.Process,
): Context {
  return {
    environment: readEnvironment(host.env, host.cwd()),
    signal,
    on: reporter.on,
    say: reporter.say,
    concurrency: options.concurrency,
    get stdin() {
      return host.stdin;
    },
    get stdoutIsTerminal() {
      return host.stdout.isTTY === true;
    },
    write: (chunk) => writeAll(watched(host.stdout, host), chunk),
  };
}

const watchedStreams = new WeakSet<object>();

/** A reader that goes away early (`| head`) ends the program, and is not worth words; a full disk under it is. */
function watched<T extends NodeJS.WriteStream>(stream: T, host: NodeJS.Process): T {
  if (!watchedStreams.has(stream)) {
    stream.on("error", (error) => {
      const isWordless = systemCode(error) === "EPIPE" || Object.is(stream, host.stderr);
      if (!isWordless) host.stderr.write(`${formatError(error, paintFor("never", {}, {}), false)}\n`);
      host.exit(exitCodes.failed);
    });
  }
  watchedStreams.add(stream);
  return stream;
}

function columnsOf({ stdout }: NodeJS.Process): number {
  return stdout.columns || 100;
}

/** Made when there is something to report. */
function lazyReporter(make: () => Reporter): Reporter {
  let made: Reporter | undefined;
  const get = () => {
    made ??= make();
    return made;
  };
  return {
    on: (event) => get().on(event),
    say: (line) => get().say(line),
    stop: () => made?.stop(),
  };
}

async function fail(
  error: unknown,
  host: NodeJS.Process,
  paint: Paint,
  options: { readonly json: boolean; readonly debug: boolean },
): Promise<number> {
  const report = reportOf(error);
  await writeAll(watched(host.stderr, host), `${formatError(error, paint, options.debug)}\n`);
  if (options.json)
    await writeAll(watched(host.stdout, host), `${JSON.stringify({ error: report }, null, 2)}\n`);
  return report.exitCode;
}
