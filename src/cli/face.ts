import type { Outcome } from "./command.ts";
import type { Invocation } from "./program.ts";
import type { Reporter } from "./reporters/reporter.ts";

/** Understood by every command; keys as in `tree/common.ts`. */
export interface GlobalOptions {
  readonly json: boolean;
  readonly quiet: boolean;
  readonly debug: boolean;
  readonly tty: boolean;
  readonly column: readonly string[];
  readonly color: string;
  readonly progress: string;
  readonly concurrency?: number;
}

/** How errors are shown, as far as it is known when the line cannot be read. */
export type FailureOptions = Pick<GlobalOptions, "json" | "debug" | "color">;

/** The line, when it is the line that is wrong; else the words of the command that failed. */
export type FailurePlace = { readonly line: readonly string[] } | { readonly command: string };

/** How the program looks under the name by which it was called. Exit codes and output; what it does is the same. */
export interface Face {
  /** How it calls itself in its help. */
  readonly name: string;
  help(found: Extract<Invocation, { kind: "help" }>, words: readonly string[]): Promise<number>;
  /** Before a command runs. */
  begin(found: Extract<Invocation, { kind: "run" }>): Promise<void>;
  reporter(options: GlobalOptions): Reporter;
  /** What of an outcome goes to standard output. @throws LadingError ERR_LADING_USAGE */
  render(outcome: Outcome, options: GlobalOptions, words: readonly string[]): Promise<string>;
  exitCode(outcome: Outcome): number;
  /** Shows an error. */
  fail(error: unknown, options: FailureOptions, where: FailurePlace): Promise<number>;
}

/** What a face writes to. */
export interface FaceStreams {
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Opened when they are first asked for, which takes milliseconds. */
  stdout(): NodeJS.WriteStream;
  stderr(): NodeJS.WriteStream;
}
