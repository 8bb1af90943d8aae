/** What fits next on a line, from the command tree. */
import type { CommandSpec, Completes, OptionSpec } from "../command.ts";
import { longName } from "../option-names.ts";
import { globalOptions } from "../tree/common.ts";
import { commands, groups } from "../tree/tree.ts";

export interface Candidate {
  readonly value: string;
  readonly help: string;
}

export interface Candidates {
  readonly values: readonly Candidate[];
  /** What the shell adds from the disk. */
  readonly also: "none" | "files" | "folders";
}

interface KnownOption {
  readonly key: string;
  readonly spec: OptionSpec;
}

const nothing: Candidates = { values: [], also: "none" };
const specs: readonly CommandSpec[] = Object.values(commands);

/** @param words after the program's name; the last one is being typed and may be empty */
export function candidatesFor(words: readonly string[]): Candidates {
  const current = words.at(-1) ?? "";
  const before = words.slice(0, -1);
  const { path, command, positional, waiting } = readWords(before);
  const options = optionsOf(command);
  if (waiting !== undefined) return valuesOf(waiting.spec, current);
  const [, name = "", value = ""] = /^(--[a-z-]+)=(.*)$/s.exec(current) ?? [];
  if (name !== "") {
    const option = options.find(({ key }) => `--${longName(key)}` === name);
    if (option === undefined || option.spec.type === "flag") return nothing;
    const found = valuesOf(option.spec, value);
    return { values: found.values.map((c) => ({ ...c, value: `${name}=${c.value}` })), also: found.also };
  }
  if (current.startsWith("-")) return { values: flagsStarting(current, options), also: "none" };
  if (command === undefined) return { values: wordsAfter(path, current), also: "none" };
  const last = command.arguments?.at(-1);
  const argument = command.arguments?.[positional] ?? (last?.many ? last : undefined);
  if (argument === undefined) return nothing;
  return choicesOf(argument.choices, argument.completes, current);
}

/** Follows the words that are complete: which command it is, how many arguments it has, whether an option waits. */
function readWords(words: readonly string[]): {
  path: readonly string[];
  command: CommandSpec | undefined;
  positional: number;
  waiting: KnownOption | undefined;
} {
  let path: readonly string[] = [];
  let command: CommandSpec | undefined;
  let positional = 0;
  let waiting: KnownOption | undefined;
  let onlyArguments = false;
  for (const word of words) {
    if (waiting !== undefined) waiting = undefined;
    else if (!onlyArguments && word === "--") onlyArguments = true;
    else if (!onlyArguments && word.startsWith("-")) waiting = optionTakingNext(word, optionsOf(command));
    else if (command !== undefined) positional++;
    else {
      path = [...path, word];
      command = specs.find((spec) => spec.path.join(" ") === path.join(" "));
    }
  }
  return { path, command, positional, waiting };
}

function optionsOf(command: CommandSpec | undefined): readonly KnownOption[] {
  return Object.entries({ ...command?.options, ...globalOptions } as Record<string, OptionSpec>)
    .map(([key, spec]) => ({ key, spec }))
    .filter(({ spec }) => spec.hidden !== true);
}

function optionTakingNext(word: string, options: readonly KnownOption[]): KnownOption | undefined {
  return options.find(
    ({ key, spec }) => spec.type !== "flag" && (word === `--${longName(key)}` || word === `-${spec.short}`),
  );
}

function flagsStarting(current: string, options: readonly KnownOption[]): Candidate[] {
  return options
    .map(({ key, spec }) => {
      const off = spec.type === "flag" && spec.default === true;
      return {
        value: `--${off ? "no-" : ""}${longName(key)}`,
        help: off ? `do not ${spec.help}` : spec.help,
      };
    })
    .concat({ value: "--help", help: "show help" })
    .filter(({ value }) => value.startsWith(current));
}

function wordsAfter(path: readonly string[], current: string): Candidate[] {
  const entries = [...groups, ...specs.filter((spec) => spec.hidden !== true)].filter(
    (entry) => entry.path.length === path.length + 1 && path.every((word, i) => entry.path[i] === word),
  );
  return entries
    .map((entry) => ({ value: entry.path[path.length] ?? "", help: entry.summary }))
    .filter(({ value }) => value.startsWith(current))
    .sort((a, b) => (a.value < b.value ? -1 : 1));
}

function valuesOf(spec: OptionSpec, current: string): Candidates {
  return choicesOf(spec.type === "text" ? spec.choices : undefined, spec.completes, current);
}

const placePrefixes: readonly Candidate[] = [
  { value: "oci:", help: "an OCI layout: oci:DIR:NAME" },
  { value: "oci-archive:", help: "an OCI layout in a tar" },
  { value: "docker-archive:", help: "what docker save writes" },
];

function choicesOf(
  choices: readonly string[] | undefined,
  completes: Completes | undefined,
  current: string,
): Candidates {
  if (choices !== undefined) {
    const values = choices.filter((value) => value.startsWith(current)).map((value) => ({ value, help: "" }));
    return { values, also: "none" };
  }
  if (completes === "file") return { values: [], also: "files" };
  if (completes === "folder") return { values: [], also: "folders" };
  if (completes === "place") {
    return { values: placePrefixes.filter(({ value }) => value.startsWith(current)), also: "none" };
  }
  return nothing;
}
