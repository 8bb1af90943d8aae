import { LadingError } from "../errors.ts";
import { findCommand } from "./find-command.ts";
import { longName } from "./option-names.ts";
import { parseBoolean } from "./option-values.ts";
import { commands } from "./tree/tree.ts";
import type { Token } from "./words.ts";

/**
 * Rewrites what Go's pflag takes and commander does not, so that lines written for imgpkg work unchanged:
 * `--flag=false` of a boolean, `-f=value`, a bare `--color`, letters in one bundle, options before the command's name.
 * @throws LadingError ERR_LADING_USAGE for `--flag=perhaps`
 */
export function normalizeArguments(args: readonly string[]): string[] {
  const { name, tokens } = findCommand(args);
  const pathLength = name === undefined ? 0 : commands[name].path.length;
  const path: string[] = [];
  const rest: string[] = [];
  const afterDashes: string[] = [];
  for (const token of tokens) {
    if (token.kind !== "argument") rest.push(...optionWords(token));
    else if (token.afterDashes) afterDashes.push(token.word);
    else (path.length < pathLength ? path : rest).push(token.word);
  }
  return [...path, ...rest, ...(afterDashes.length === 0 ? [] : ["--", ...afterDashes])];
}

function optionWords(token: Exclude<Token, { kind: "argument" }>): string[] {
  if (token.kind !== "option") return [token.word];
  const { key, spec, value } = token;
  const flag = `--${longName(key)}`;
  if (spec.type === "flag") return [flagWord(flag, value)];
  if (key === "color") return [`--color=${colorOf(value)}`];
  return [`${flag}=${value ?? ""}`];
}

function flagWord(flag: string, value: string | undefined): string {
  const on = value === undefined ? true : parseBoolean(value);
  if (on === undefined) {
    throw new LadingError("ERR_LADING_USAGE", `${flag} is either true or false, not '${value}'`);
  }
  return on ? flag : flag.replace("--", "--no-");
}

/** imgpkg's flag is on or off, and on means what it means without. */
function colorOf(value: string | undefined): string {
  if (value === undefined) return "always";
  const on = parseBoolean(value);
  return on === undefined ? value : on ? "auto" : "never";
}
