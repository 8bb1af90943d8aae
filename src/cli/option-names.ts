import type { OptionSpec } from "./command.ts";

/** The long flag of an option's key, without dashes: `registryCaCertPath` is `registry-ca-cert-path`. */
export function longName(key: string): string {
  return key.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}

/** As help and documentation show it: `-i, --image <ref>`. */
export function flagsOf(key: string, option: OptionSpec): string {
  const short = option.short === undefined ? "" : `-${option.short}, `;
  const value = option.type === "flag" ? "" : ` <${option.value ?? "value"}>`;
  // What is on by default is shown as it is used.
  const prefix = option.type === "flag" && option.default === true ? "no-" : "";
  return `${short}--${prefix}${longName(key)}${value}`;
}
