import { LadingError } from "../errors.ts";
import type { OptionSpecs } from "./command.ts";
import { longName } from "./option-names.ts";
import { parseBoolean } from "./option-values.ts";

/**
 * Rewrites what Go's pflag takes and commander does not, so that lines written for imgpkg work unchanged:
 * `--flag=false` of a boolean, `-f=value`, and a bare `--color`.
 * @param known every option of the program; a name means the same kind of option wherever it appears
 * @throws LadingError ERR_LADING_USAGE for `--flag=perhaps`
 */
export function normalizeArguments(args: readonly string[], known: readonly OptionSpecs[]): string[] {
  const flags = new Set<string>();
  const shortValues = new Set<string>();
  for (const [key, option] of known.flatMap((options) => Object.entries(options))) {
    if (option.type === "flag") flags.add(longName(key));
    else if (option.short !== undefined) shortValues.add(option.short);
  }
  const out: string[] = [];
  for (const [i, word] of args.entries()) {
    if (word === "--") return [...out, ...args.slice(i)];
    const [, name = "", value = ""] = /^--([a-z-]+)=(.*)$/s.exec(word) ?? [];
    const [, short = "", shortValue = ""] = /^-([a-zA-Z])=(.*)$/s.exec(word) ?? [];
    if (flags.has(name)) {
      const on = parseBoolean(value);
      if (on === undefined) {
        throw new LadingError("ERR_LADING_USAGE", `--${name} is either true or false, not '${value}'`);
      }
      out.push(on ? `--${name}` : `--no-${name}`);
    } else if (name === "color") {
      const on = parseBoolean(value);
      out.push(`--color=${on === undefined ? value : on ? "auto" : "never"}`);
    } else if (word === "--color" && !["auto", "always", "never"].includes(args[i + 1] ?? "")) {
      out.push("--color=always");
    } else if (shortValues.has(short)) out.push(`-${short}`, shortValue);
    else out.push(word);
  }
  return out;
}
