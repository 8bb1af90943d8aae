import { LadingError } from "../errors.ts";
import { splitCommas } from "./option-values.ts";

/**
 * Labels as imgpkg reads them: a value with exactly one `=` is one label, commas and all; one with several is cut at its
 * commas. The last of equal keys wins.
 * @throws LadingError ERR_LADING_USAGE
 */
export function parseLabels(values: readonly string[]): Record<string, string> {
  const labels: Record<string, string> = {};
  for (const value of values) {
    const isOne = value.split("=").length === 2;
    for (const item of isOne ? [value.replace(/^"+|"+$/g, "")] : splitCommas(value)) {
      const at = item.indexOf("=");
      if (at < 0) {
        throw new LadingError(
          "ERR_LADING_USAGE",
          `invalid argument ${JSON.stringify(value)} for "-l, --labels" flag: ${item} must be formatted as key=value`,
        );
      }
      labels[item.slice(0, at)] = item.slice(at + 1);
    }
  }
  return labels;
}
