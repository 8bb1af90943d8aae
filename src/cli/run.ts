/** From the words of a line to an exit code: parse, run, print. */
import { basename } from "node:path";
import { systemCode } from "../errors.ts";
import { paintFor } from "./color.ts";
import type { Context, Outcome } from "./command.ts";
import { readEnvironment } from "./environment.ts";
import { formatError } from "./error-report.ts";
import { exitCodes } from "./exit-codes.ts";
import type { Face, GlobalOptions } from "./face.ts";
import { isImgpkg } from "./imgpkg/name.ts";
import { watchInterrupts } from "./interrupt.ts";
import { ladingFace } from "./lading-face.ts";
import { loaders } from "./loaders.ts";
import { writeAll } from "./output.ts";
import { type Invocation, parseLine } from "./program.ts";
import type { Reporter } from "./reporters/reporter.ts";

/** Runs one line of the program in this process. Resolves to the exit code and does not throw. */
export async function runLine(args: readonly string[], host: NodeJS.Process): Promise<number> {
  const face = await faceOf(host);
  let invocation: Invocation;
  try {
    invocation = parseLine(args, face.name, () => columnsOf(host));
  } catch (error) {
    const options = {
      json: args.includes("--json"),
      debug: args.includes("--debug"),
      color: args.some((word) => /^--color=(?:never|0|f|F|false|FALSE|False)$/.test(word)) ? "never" : "auto",
    };
    return await face.fail(error, options, { line: args });
  }
  if (invocation.kind === "help") return await face.help(invocation, args);
  const options = invocation.options as unknown as GlobalOptions;
  const reporter = lazyReporter(() => face.reporter(options));
  const interrupts = watchInterrupts(
    host,
    () => reporter.say("stopping; press Ctrl-C again to leave at once"),
    () => host.exit(exitCodes.interrupted),
  );
  try {
    await face.begin(invocation);
    const module = await loaders[invocation.name]();
    const context = contextOf(options, reporter, interrupts.signal, host);
    const outcome: Outcome = await module.run(invocation.options as never, context, invocation.args);
    reporter.stop();
    const text = await face.render(outcome, options, args);
    if (text !== "") await context.write(text);
    return face.exitCode(outcome);
  } catch (error) {
    reporter.stop();
    // Whatever broke because of the interrupt, the interrupt is what happened.
    const reason: unknown = interrupts.signal.aborted ? interrupts.signal.reason : error;
    return await face.fail(reason, options, { command: invocation.name });
  } finally {
    interrupts.stop();
  }
}

/** By the name that the program was called by, links included. */
async function faceOf(host: NodeJS.Process): Promise<Face> {
  const name = basename(host.argv[1] ?? "lading");
  const streams = {
    environment: host.env,
    stdout: () => watched(host.stdout, host),
    stderr: () => watched(host.stderr, host),
  };
  if (isImgpkg(name)) return (await import("./imgpkg/face.ts")).imgpkgFace(streams);
  return ladingFace(name.replace(/\.js$/, ""), streams);
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
