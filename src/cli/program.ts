/** Makes the parser from the command tree and runs what it finds. */
import { Argument, Command, type CommanderError, Option } from "commander";
import { LadingError } from "../errors.ts";
import { normalizeArguments } from "./arguments.ts";
import type { ArgumentSpec, CommandSpec, OptionSpec, OptionSpecs } from "./command.ts";
import { findCommand, isMeant, wordsOf } from "./find-command.ts";
import { flagsOf, longName } from "./option-names.ts";
import { parseDuration, parseInteger, splitCommas } from "./option-values.ts";
import { globalOptions } from "./tree/common.ts";
import { type CommandName, commands, groups } from "./tree/tree.ts";

/** What a line of words asks for. */
export type Invocation =
  | {
      readonly kind: "run";
      readonly name: CommandName;
      readonly options: Readonly<Record<string, unknown>>;
      readonly args: readonly string[];
    }
  | {
      readonly kind: "help";
      readonly text: string;
      /** Not asked for: shown because no command was named. */
      readonly asked: boolean;
    };

/**
 * Reads the command line.
 * @param programName how the user calls the program
 * @throws LadingError ERR_LADING_USAGE, with what may have been meant as its hint
 */
export function parseLine(args: readonly string[], programName: string, columns: () => number): Invocation {
  // What a completion asks about is not ours to read.
  if (args[0] === "__complete") {
    return { kind: "run", name: "__complete", options: defaultsOf(globalOptions), args: args.slice(1) };
  }
  const words = normalizeArguments(args);
  // Commander's own help command knows one word only, and shows its first page for a word that it does not know.
  if (words[0] === "help") words.splice(0, words.length, ...words.slice(1), ...helpFlag(words.slice(1)));
  const version = words.findIndex((word) => word === "-v" || word === "--version");
  // Only where no command is named: none of them has this option.
  if (version >= 0 && wordsOf(findCommand(args).tokens).length === 0) words[version] = "version";
  let found: Invocation | undefined;
  const shown = { out: "", err: "" };
  const root = rootCommand(programName, columns, shown);
  for (const [name, spec] of Object.entries(commands) as [CommandName, CommandSpec][]) {
    // The options of all others need not be made: that would take half the start-up.
    const command = leaf(root, spec, programName, isMeant(spec, words));
    command.action(() => {
      found = { kind: "run", name, options: command.optsWithGlobals(), args: command.args };
    });
  }
  try {
    root.parse(words, { from: "user" });
  } catch (error) {
    if (!isCommanderError(error)) throw error;
    if (shown.out !== "") return { kind: "help", text: shown.out, asked: true };
    if (error.code === "commander.help") return { kind: "help", text: shown.err, asked: false };
    throw usageError(error, words, root);
  }
  if (found?.kind !== "run") throw new Error("the parser ended without a command");
  requireOptions(commands[found.name], found.options, helpHint(words, root));
  return found;
}

/** What is no command has no help: that is found out as everywhere. */
function helpFlag(words: readonly string[]): readonly string[] {
  const topic = words.find((word) => !word.startsWith("-"));
  const known = topic === undefined || Object.values(commands).some(({ path }) => path[0] === topic);
  return known ? ["--help"] : [];
}

function rootCommand(name: string, columns: () => number, shown: { out: string; err: string }): Command {
  const root = new Command(name);
  root
    .usage("<command> [options]")
    .description(
      "OCI content in, out and across: images, bundles, layouts, archives and registries, without a daemon.",
    )
    .exitOverride()
    .configureOutput({
      writeOut: (text) => {
        shown.out += text;
      },
      writeErr: (text) => {
        shown.err += text;
      },
      getOutHelpWidth: columns,
      getErrHelpWidth: columns,
    })
    .configureHelp({ showGlobalOptions: true })
    .helpOption("-h, --help", "show this help")
    .helpCommand("help [command]", "show help for a command");
  addOptions(root, globalOptions);
  root.addHelpText("after", `\nHelp for one command: ${name} <command> --help`);
  return root;
}

function leaf(root: Command, spec: CommandSpec, programName: string, isWhole: boolean): Command {
  const [word = "", second] = spec.path;
  const parent = second === undefined ? root : groupOf(root, word);
  const command = parent.command(second ?? word, spec.hidden === true ? { hidden: true } : {});
  command.summary(spec.summary).description(sentence(spec));
  for (const alias of spec.aliases ?? []) command.alias(alias);
  for (const argument of spec.arguments ?? []) command.addArgument(argumentOf(argument));
  command.allowExcessArguments(false);
  if (!isWhole) return command;
  addOptions(command, spec.options);
  if (spec.examples.length > 0) {
    const lines = spec.examples.map(({ does, line }) => `  # ${does}\n  ${programName} ${line}`);
    command.addHelpText("after", `\nExamples:\n${lines.join("\n")}`);
  }
  return command;
}

/** The group of this name; made when its first command is, so that help lists all in the order of the tree. */
function groupOf(root: Command, name: string): Command {
  const made = root.commands.find((candidate) => candidate.name() === name);
  if (made !== undefined) return made;
  const summary = groups.find((group) => group.path.join(" ") === name)?.summary ?? "";
  const group = root.command(name).summary(summary).description(sentence({ summary }));
  return group.usage("<command> [options]").helpCommand(false);
}

function sentence(spec: Pick<CommandSpec, "summary" | "description">): string {
  const summary = `${spec.summary.charAt(0).toUpperCase()}${spec.summary.slice(1)}.`;
  return spec.description === undefined ? summary : `${summary}\n\n${spec.description}`;
}

function argumentOf({ name, optional, many, help, choices }: ArgumentSpec): Argument {
  const text = many ? `${name}...` : name;
  const argument = new Argument(optional ? `[${text}]` : `<${text}>`, help);
  return choices === undefined ? argument : argument.choices([...choices]);
}

function addOptions(command: Command, options: OptionSpecs): void {
  for (const [key, spec] of Object.entries(options)) {
    if (spec.type === "flag") addFlag(command, key, spec.default ?? false, spec);
    else command.addOption(valueOption(key, spec));
    // An empty list is what there is, and nothing that the help need show.
    if (spec.type === "list" && spec.default === undefined)
      command.setOptionValueWithSource(key, [], "default");
  }
}

/** Both spellings work; the help shows the one that changes something. */
function addFlag(command: Command, key: string, initial: boolean, spec: OptionSpec): void {
  const short = spec.short === undefined ? "" : `-${spec.short}, `;
  const on = new Option(`${short}--${longName(key)}`, spec.help).hideHelp(initial || spec.hidden === true);
  const off = new Option(`--no-${longName(key)}`, `do not ${spec.help}`).hideHelp(
    !initial || spec.hidden === true,
  );
  command.addOption(on).addOption(off).setOptionValueWithSource(key, initial, "default");
}

function valueOption(key: string, spec: Exclude<OptionSpec, { type: "flag" }>): Option {
  const option = new Option(flagsOf(key, spec), spec.help);
  if (spec.hidden) option.hideHelp();
  switch (spec.type) {
    case "text":
      if (spec.default !== undefined) option.default(spec.default);
      if (spec.choices !== undefined) option.choices([...spec.choices]);
      break;
    case "list": {
      const initial = spec.default ?? [];
      if (initial.length > 0) option.default(initial, initial.join(","));
      let replaced: readonly string[] | undefined;
      option.argParser((text) => {
        replaced = [...(replaced ?? []), ...(spec.comma ? splitCommas(text) : [text])];
        return replaced;
      });
      break;
    }
    case "integer":
      if (spec.default !== undefined) option.default(spec.default);
      option.argParser((text) => parseInteger(text, spec.least ?? 0, `--${longName(key)}`));
      break;
    case "duration":
      if (spec.default !== undefined) option.default(parseDuration(spec.default, key), spec.default);
      option.argParser((text) => parseDuration(text, `--${longName(key)}`));
      break;
  }
  return option;
}

function defaultsOf(options: OptionSpecs): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(options).map(([key, spec]) => [
      key,
      spec.type === "flag" ? (spec.default ?? false) : spec.default,
    ]),
  );
}

function isCommanderError(error: unknown): error is CommanderError {
  return (
    typeof (error as CommanderError)?.code === "string" &&
    (error as CommanderError).code.startsWith("commander.")
  );
}

/** Not left to commander: it asks for these before it says that another option is misspelt. */
function requireOptions(spec: CommandSpec, options: Readonly<Record<string, unknown>>, hint: string): void {
  for (const [key, option] of Object.entries(spec.options)) {
    if (option.required && options[key] === "") {
      throw new LadingError("ERR_LADING_USAGE", `Expected --${longName(key)} to be none empty`);
    }
    if (option.required && options[key] === undefined) {
      throw new LadingError("ERR_LADING_USAGE", `required option '${flagsOf(key, option)}' not specified`, {
        hint,
      });
    }
  }
}

/** Commander's message in our form: what is wrong, then what may have been meant or where to look. */
function usageError(error: CommanderError, words: readonly string[], root: Command): LadingError {
  const [first = "", ...rest] = error.message.replace(/^error: /, "").split("\n");
  const meant = /\(Did you mean (.*)\?\)/.exec(rest.join(" "))?.[1];
  return new LadingError("ERR_LADING_USAGE", first, {
    hint: meant === undefined ? helpHint(words, root) : `did you mean ${meant}?`,
  });
}

/** Which help page fits the words so far. */
function helpHint(words: readonly string[], root: Command): string {
  let command = root;
  const path = [root.name()];
  for (const word of words) {
    const next = command.commands.find((child) => child.name() === word);
    if (next === undefined) continue;
    command = next;
    path.push(word);
  }
  return `see ${path.join(" ")} --help`;
}
