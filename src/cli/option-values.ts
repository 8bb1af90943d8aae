import { LadingError } from "../errors.ts";

const units: Readonly<Record<string, number>> = {
  ns: 1e-6,
  us: 1e-3,
  µs: 1e-3,
  μs: 1e-3,
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
};

/** Milliseconds of `500ms`, `30s`, `1m30s` or `24h`; a bare number counts seconds. @throws ERR_LADING_USAGE */
export function parseDuration(text: string, what: string): number {
  if (/^\d+(\.\d+)?$/.test(text)) return Number(text) * 1000;
  if (!/^\+?(?:(?:\d+\.?\d*|\.\d+)(?:ns|us|µs|μs|ms|s|m|h))+$/.test(text)) {
    throw new LadingError("ERR_LADING_USAGE", `${what} takes a time, not '${text}'`, {
      hint: "write it like 500ms, 30s, 1m30s or 24h",
    });
  }
  let total = 0;
  for (const [, count = "", unit = ""] of text.matchAll(/(\d+\.?\d*|\.\d+)(ns|us|µs|μs|ms|s|m|h)/g)) {
    total += Number(count) * (units[unit] ?? 0);
  }
  return total;
}

/** @throws ERR_LADING_USAGE */
export function parseInteger(text: string, least: number, what: string): number {
  const value = Number(text);
  if (!/^[+-]?\d+$/.test(text) || !Number.isSafeInteger(value) || value < least) {
    throw new LadingError("ERR_LADING_USAGE", `${what} takes a whole number from ${least} up, not '${text}'`);
  }
  return value;
}

/** Go's spellings of a truth value, as imgpkg takes them. */
export function parseBoolean(text: string): boolean | undefined {
  if (["1", "t", "T", "TRUE", "true", "True"].includes(text)) return true;
  if (["0", "f", "F", "FALSE", "false", "False"].includes(text)) return false;
  return undefined;
}

/** The values of a list whose items may be joined by commas; a comma within double quotes stays. */
export function splitCommas(text: string): string[] {
  const items: string[] = [];
  for (const [, quoted, bare = ""] of text.matchAll(/(?:^|,)(?:"((?:[^"]|"")*)"|([^,]*))/g)) {
    items.push(quoted === undefined ? bare : quoted.replaceAll('""', '"'));
  }
  return items.filter((item) => item !== "");
}
