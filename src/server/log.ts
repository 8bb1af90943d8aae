/** One thing that the registry did. Secrets never get here: queries are redacted, headers are not logged. */
export interface LogEntry {
  /** RFC 3339. */
  readonly time: string;
  readonly level: "info" | "warning" | "error";
  readonly event: "request" | "failure" | "listening" | "closing" | "collected" | "refused";
  readonly message: string;
  readonly fields: Readonly<Record<string, string | number | boolean>>;
}

export type LogListener = (entry: LogEntry) => void;

/** One line of JSON without the newline. */
export function formatLogJson(entry: LogEntry): string {
  const { time, level, event, message, fields } = entry;
  return JSON.stringify({ time, level, event, message, ...fields });
}

/** One line for people without the newline; what clients sent cannot break out of it. */
export function formatLogText(entry: LogEntry): string {
  const fields = Object.entries(entry.fields).map(([key, value]) => ` ${key}=${textOf(value)}`);
  return `${entry.time} ${entry.level} ${visible(entry.message)}${fields.join("")}`;
}

function textOf(value: string | number | boolean): string {
  const text = String(value);
  return /^[\x21\x23-\x7e]+$/.test(text) ? text : JSON.stringify(visible(text));
}

function visible(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, (character) => {
    return `\\u${(character.codePointAt(0) ?? 0).toString(16).padStart(4, "0")}`;
  });
}

const plainKeys = new Set([
  "artifactType",
  "digest",
  "digest-algorithm",
  "from",
  "last",
  "mount",
  "n",
  "ns",
  "scope",
  "service",
  "tag",
]);

/** A query for the log: values of keys that are not known to be harmless are left out. */
export function redactQuery(query: URLSearchParams): string {
  const parts = [...query].map(([key, value]) => {
    return plainKeys.has(key) ? `${key}=${value}` : `${key.slice(0, 40)}=REDACTED`;
  });
  return parts.join("&").slice(0, 1024);
}
