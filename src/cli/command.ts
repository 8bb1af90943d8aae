/** What a command is: data for its parser, help, completion and documentation, and the type of its parsed options. */
import type { EventListener } from "../events.ts";
import type { Environment } from "./environment.ts";
import type { ImgpkgPart } from "./imgpkg/parts.ts";

interface OptionBase {
  readonly help: string;
  /** One letter. */
  readonly short?: string;
  /** How the value is called in the help. */
  readonly value?: string;
  readonly required?: true;
  /** Understood, but not shown. */
  readonly hidden?: true;
  readonly completes?: Completes;
}

/** What a shell offers for a value. */
export type Completes = "file" | "folder" | "place";

/** On or off; `--name=false` and `--no-name` turn it off. */
export interface FlagOption extends OptionBase {
  readonly type: "flag";
  readonly default?: boolean;
}

export interface TextOption extends OptionBase {
  readonly type: "text";
  readonly default?: string;
  readonly choices?: readonly string[];
}

/** May be given several times. With `comma` each value is also cut at its commas. */
export interface ListOption extends OptionBase {
  readonly type: "list";
  readonly comma?: true;
  /** The first explicit value replaces these. */
  readonly default?: readonly string[];
}

export interface IntegerOption extends OptionBase {
  readonly type: "integer";
  readonly default?: number;
  readonly least?: number;
}

/** `500ms`, `30s`, `1m30s`, `24h`; milliseconds when parsed. */
export interface DurationOption extends OptionBase {
  readonly type: "duration";
  /** As it is written, for the help. */
  readonly default?: string;
}

export type OptionSpec = FlagOption | TextOption | ListOption | IntegerOption | DurationOption;
export type OptionSpecs = Readonly<Record<string, OptionSpec>>;

export interface ArgumentSpec {
  readonly name: string;
  readonly help: string;
  readonly optional?: true;
  /** Takes all that is left; only the last argument may. */
  readonly many?: true;
  readonly choices?: readonly string[];
  readonly completes?: Completes;
}

export interface Example {
  readonly does: string;
  /** Without `lading`. */
  readonly line: string;
}

export interface CommandSpec {
  /** Its words, such as `["tag", "list"]`. */
  readonly path: readonly string[];
  readonly aliases?: readonly string[];
  /** One line, for lists of commands. */
  readonly summary: string;
  /** More, for the command's own help. */
  readonly description?: string;
  readonly arguments?: readonly ArgumentSpec[];
  readonly options: OptionSpecs;
  readonly examples: readonly Example[];
  /** For shells and scripts, not for people. */
  readonly hidden?: true;
}

export interface GroupSpec {
  readonly path: readonly string[];
  readonly summary: string;
}

type Given<O extends OptionSpec, T> = O extends { required: true } | { default: unknown } ? T : T | undefined;

type ValueOf<O extends OptionSpec> = O extends { type: "flag" }
  ? boolean
  : O extends { type: "list" }
    ? readonly string[]
    : O extends { type: "integer" | "duration" }
      ? Given<O, number>
      : Given<O, string>;

/** The options of a command after parsing; keys as in its spec. */
export type OptionsOf<S extends CommandSpec> = {
  readonly [K in keyof S["options"]]: ValueOf<S["options"][K]>;
};

/** What a command runs with. Everything of the process that it may touch is in here. */
export interface Context {
  readonly environment: Environment;
  /** Fires on the first Ctrl-C. */
  readonly signal: AbortSignal;
  /** Where progress and warnings go. */
  readonly on: EventListener;
  /** How many things move at once; undefined leaves it to the copier. */
  readonly concurrency: number | undefined;
  readonly stdin: AsyncIterable<Uint8Array> & { readonly isTTY?: boolean };
  /** To standard output; waits while the reader is slow. */
  write(chunk: Uint8Array | string): Promise<void>;
  readonly stdoutIsTerminal: boolean;
  /** Text that must be seen while the command still runs, such as a server's address. Goes to standard error. */
  say(line: string): void;
}

/** What a command gives back; `data` becomes the JSON document. */
export interface Outcome<T = unknown> {
  readonly data: T;
  /** For people, without the last newline; empty when there is nothing to say. */
  readonly text: string;
  /** What `--quiet` leaves of the text: undefined leaves all of it, since the text is what was asked for. */
  readonly quiet?: string;
  /** What imgpkg prints for this command; left out by commands that imgpkg does not have. */
  readonly imgpkg?: readonly ImgpkgPart[];
  /** When the work was done and still found something wrong, as `layout verify` does. */
  readonly exitCode?: number;
}

export interface CommandModule {
  run(options: never, context: Context, args: readonly string[]): Promise<Outcome>;
}
