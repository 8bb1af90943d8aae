/** The words of a command line, read as Go's pflag and cobra read them. */
import type { OptionSpec, OptionSpecs } from "./command.ts";
import { longName } from "./option-names.ts";

/** What one word, or an option with its value, is. */
export type Token =
  /** No option: a command's name or an argument. */
  | { readonly kind: "argument"; readonly word: string; readonly afterDashes: boolean }
  /** `value` is undefined where a flag stands alone. */
  | {
      readonly kind: "option";
      readonly key: string;
      readonly spec: OptionSpec;
      readonly isShort: boolean;
      readonly value: string | undefined;
    }
  /** `--no-x`, which imgpkg does not have. */
  | { readonly kind: "negated"; readonly word: string }
  | { readonly kind: "help"; readonly word: string }
  /** An option that needs a value is the last word. */
  | {
      readonly kind: "lacking";
      readonly key: string;
      readonly spec: OptionSpec;
      readonly isShort: boolean;
      readonly word: string;
    }
  /** `word` is what of a bundle of letters is left. */
  | { readonly kind: "unknown"; readonly word: string };

interface KnownOption {
  readonly key: string;
  readonly spec: OptionSpec;
}

/** @param known the options that the line may have */
export function readWords(words: readonly string[], known: readonly OptionSpecs[]): Token[] {
  const long = new Map<string, KnownOption>();
  const short = new Map<string, KnownOption>();
  for (const [key, spec] of known.flatMap((options) => Object.entries(options))) {
    long.set(longName(key), { key, spec });
    if (spec.short !== undefined) short.set(spec.short, { key, spec });
  }
  const tokens: Token[] = [];
  for (let i = 0; i < words.length; i++) {
    const word = words[i] ?? "";
    if (word === "--") {
      for (const rest of words.slice(i + 1)) tokens.push({ kind: "argument", word: rest, afterDashes: true });
      break;
    }
    if (!word.startsWith("-") || word === "-") {
      tokens.push({ kind: "argument", word, afterDashes: false });
    } else if (word.startsWith("--")) {
      const token = longOption(word, words[i + 1], long);
      tokens.push(token);
      if (token.kind === "option" && token.value !== undefined && !word.includes("=")) i++;
    } else {
      const found = shortOptions(word, words[i + 1], short);
      tokens.push(...found.tokens);
      if (found.tookNext) i++;
    }
  }
  return tokens;
}

function longOption(word: string, next: string | undefined, known: ReadonlyMap<string, KnownOption>): Token {
  const equals = word.indexOf("=");
  const name = word.slice(2, equals < 0 ? undefined : equals);
  const given = equals < 0 ? undefined : word.slice(equals + 1);
  const found = known.get(name);
  if (found === undefined) {
    if (name === "help") return { kind: "help", word };
    const isNegated = given === undefined && known.get(name.replace(/^no-/, ""))?.spec.type === "flag";
    return { kind: isNegated ? "negated" : "unknown", word };
  }
  const option = { ...found, isShort: false };
  if (given !== undefined) return { kind: "option", ...option, value: given };
  if (standsAlone(found, next)) return { kind: "option", ...option, value: undefined };
  if (next === undefined) return { kind: "lacking", ...option, word };
  return { kind: "option", ...option, value: next };
}

/** `--color` is a flag in imgpkg, so it never takes the next word for its value, unless that is one of ours. */
function standsAlone({ key, spec }: KnownOption, next: string | undefined): boolean {
  if (spec.type === "flag") return true;
  return key === "color" && spec.type === "text" && !spec.choices?.includes(next ?? "");
}

/** `-y`, `-fvalue`, `-f=value`, `-f value`, and flags in one bundle, the last of which may take a value. */
function shortOptions(
  word: string,
  next: string | undefined,
  known: ReadonlyMap<string, KnownOption>,
): { readonly tokens: Token[]; readonly tookNext: boolean } {
  const tokens: Token[] = [];
  const ends = (token: Token, tookNext = false) => ({ tokens: [...tokens, token], tookNext });
  for (let letters = word.slice(1); letters !== ""; letters = letters.slice(1)) {
    const found = known.get(letters.charAt(0));
    if (found === undefined) {
      if (!letters.startsWith("h")) return ends({ kind: "unknown", word: `-${letters}` });
      tokens.push({ kind: "help", word: "-h" });
      continue;
    }
    const option = { ...found, isShort: true };
    const rest = letters.slice(1);
    if (rest.startsWith("=")) return ends({ kind: "option", ...option, value: rest.slice(1) });
    if (found.spec.type === "flag") {
      tokens.push({ kind: "option", ...option, value: undefined });
      continue;
    }
    if (rest !== "") return ends({ kind: "option", ...option, value: rest });
    if (next === undefined) return ends({ kind: "lacking", ...option, word: `-${letters}` });
    return ends({ kind: "option", ...option, value: next }, true);
  }
  return { tokens, tookNext: false };
}
