import type { CommandSpec } from "./command.ts";
import { globalOptions } from "./tree/common.ts";
import { type CommandName, commands } from "./tree/tree.ts";
import { readWords, type Token } from "./words.ts";

export interface FoundCommand {
  /** Undefined when no command has this name. */
  readonly name: CommandName | undefined;
  readonly tokens: readonly Token[];
}

const entries = Object.entries(commands) as [CommandName, CommandSpec][];

/** Which command a line is about, wherever in it its name stands, and the line's words as options and arguments. */
export function findCommand(words: readonly string[]): FoundCommand {
  // Letters mean different options in different commands: with those of the ones it can be about the name is found, and
  // with its own the rest is read.
  const meant = entries.filter(([, spec]) => isMeant(spec, words));
  const first = readWords(words, [globalOptions, ...meant.map(([, spec]) => spec.options)]);
  const names = wordsOf(first);
  const found = entries.find(([, spec]) => isCalled(spec, names));
  if (found === undefined) return { name: undefined, tokens: first };
  const [name, spec] = found;
  return { name, tokens: meant.length === 1 ? first : readWords(words, [globalOptions, spec.options]) };
}

/** What is neither an option nor after a double dash, in order. */
export function wordsOf(tokens: readonly Token[]): string[] {
  return tokens.flatMap((token) => (token.kind === "argument" && !token.afterDashes ? [token.word] : []));
}

/** Whether the line can be about this command: a quick look, before anything is read. */
export function isMeant(
  { path: [first = "", ...rest], aliases = [] }: CommandSpec,
  words: readonly string[],
): boolean {
  return (
    words.includes(first) && (rest.length === 0 || [...rest, ...aliases].some((word) => words.includes(word)))
  );
}

function isCalled({ path, aliases = [] }: CommandSpec, names: readonly string[]): boolean {
  return path.every((word, i) => {
    const said = names[i] ?? "";
    return said === word || (i === path.length - 1 && aliases.includes(said));
  });
}
