/** What is wrong with a line, in the words of imgpkg (cobra and pflag). */
import type { CommandSpec, OptionSpec } from "../command.ts";
import { findCommand, wordsOf } from "../find-command.ts";
import { longName } from "../option-names.ts";
import { parseBoolean, parseDuration } from "../option-values.ts";
import { type CommandName, commands, groups } from "../tree/tree.ts";
import type { Token } from "../words.ts";

/** The first thing that imgpkg would complain about; undefined when to it the line is fine. */
export function complaintAbout(words: readonly string[]): string | undefined {
  const { name, tokens } = findCommand(words);
  const aboutOptions = tokens.map(optionComplaint).find((found) => found !== undefined);
  if (aboutOptions !== undefined) return aboutOptions;
  if (name === undefined) return unknownCommand(wordsOf(tokens));
  return argumentComplaint(name, tokens) ?? requiredComplaint(commands[name], tokens);
}

/** Said below the help that an unfinished line gets. */
export function unfinishedComplaint(words: readonly string[]): string {
  const [first = ""] = wordsOf(findCommand(words).tokens);
  const below = Object.values(commands).flatMap(({ path: [group, word] }) =>
    group === first && word !== undefined ? [word] : [],
  );
  return below.length === 0
    ? "Invalid command - see available commands/subcommands above"
    : `Use one of available subcommands: ${below.join(", ")}`;
}

function optionComplaint(token: Token): string | undefined {
  switch (token.kind) {
    case "unknown":
      return token.word.startsWith("--")
        ? `unknown flag: ${token.word.replace(/=.*$/s, "")}`
        : `unknown shorthand flag: '${token.word.charAt(1)}' in ${token.word}`;
    case "lacking":
      return `flag needs an argument: ${token.isShort ? `'${token.spec.short}' in ${token.word}` : token.word}`;
    case "option":
      return valueComplaint(token.key, token.spec, token.value);
    default:
      return undefined;
  }
}

function valueComplaint(key: string, spec: OptionSpec, value: string | undefined): string | undefined {
  if (value === undefined) return undefined;
  const why = {
    flag: () => (parseBoolean(value) === undefined ? parsing("ParseBool", value) : undefined),
    integer: () => (/^[+-]?\d+$/.test(value) ? undefined : parsing("ParseInt", value)),
    duration: () => (isDuration(value) ? undefined : `time: invalid duration ${quoted(value)}`),
    text: () => undefined,
    list: () => undefined,
  }[spec.type]();
  if (why === undefined) return undefined;
  const names = `${spec.short === undefined ? "" : `-${spec.short}, `}--${longName(key)}`;
  return `invalid argument ${quoted(value)} for "${names}" flag: ${why}`;
}

function parsing(what: string, value: string): string {
  return `strconv.${what}: parsing ${quoted(value)}: invalid syntax`;
}

function isDuration(value: string): boolean {
  try {
    parseDuration(value, "");
    return true;
  } catch {
    return false;
  }
}

function unknownCommand([first, second]: readonly string[]): string | undefined {
  const isGroup = groups.some(({ path }) => path[0] === first);
  if (isGroup && second !== undefined) {
    return `command 'imgpkg ${first}' does not accept extra arguments '${second}'`;
  }
  return first === undefined || first === "help" || isGroup
    ? undefined
    : `command 'imgpkg' does not accept extra arguments '${first}'`;
}

function argumentComplaint(name: CommandName, tokens: readonly Token[]): string | undefined {
  const spec: CommandSpec = commands[name];
  const command = `imgpkg ${spec.path.join(" ")}`;
  const words = tokens.flatMap((token) => (token.kind === "argument" ? [token.word] : []));
  const given = words.slice(spec.path.length);
  const wanted = spec.arguments ?? [];
  if (wanted.length === 0) {
    return given[0] === undefined
      ? undefined
      : `command '${command}' does not accept extra arguments '${given[0]}'`;
  }
  const least = wanted.filter(({ optional }) => optional !== true).length;
  if (given.length < least || (given.length > wanted.length && wanted.at(-1)?.many !== true)) {
    return `accepts ${wanted.length} arg(s), received ${given.length}`;
  }
  const wrong = given.find((word, i) => wanted[i]?.choices?.includes(word) === false);
  return wrong === undefined ? undefined : `invalid argument ${quoted(wrong)} for "${command}"`;
}

function requiredComplaint(spec: CommandSpec, tokens: readonly Token[]): string | undefined {
  const given = new Set(tokens.map((token) => (token.kind === "option" ? token.key : "")));
  const missing = Object.entries(spec.options)
    .filter(([key, { required }]) => required === true && !given.has(key))
    .map(([key]) => quoted(longName(key)))
    .sort();
  return missing.length === 0 ? undefined : `required flag(s) ${missing.join(", ")} not set`;
}

function quoted(text: string): string {
  return JSON.stringify(text);
}
