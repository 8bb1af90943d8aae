/** A value that Go would write: a struct is an object in the order of its fields, a map is a Map. */
export type GoValue =
  | string
  | number
  | boolean
  | null
  | readonly GoValue[]
  | ReadonlyMap<string, GoValue>
  | { readonly [field: string]: GoValue };

/**
 * JSON as Go's `encoding/json` writes it, for documents whose bytes have to be the same: compact, keys of maps sorted
 * bytewise, `<`, `>`, `&` and the two line separators of Unicode escaped, lone surrogates replaced.
 */
export function goJson(value: GoValue): string {
  if (typeof value === "string") return goString(value);
  if (value instanceof Map) {
    const keys = [...(value as ReadonlyMap<string, GoValue>).keys()];
    keys.sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
    return `{${keys.map((key) => `${goString(key)}:${goJson(value.get(key) ?? null)}`).join(",")}}`;
  }
  if (Array.isArray(value)) return `[${value.map((item) => goJson(item)).join(",")}]`;
  if (typeof value === "object" && value !== null) {
    return `{${Object.entries(value).map(([key, item]) => `${goString(key)}:${goJson(item)}`)}}`;
  }
  return JSON.stringify(value);
}

function goString(text: string): string {
  const wellFormed = Buffer.from(text).toString();
  return JSON.stringify(wellFormed).replace(
    /[<>&\u2028\u2029]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}
