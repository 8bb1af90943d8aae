/**
 * A value as JSON that may be printed: `JSON.stringify` escapes only some of the characters that steer a terminal. The
 * others are escaped here, which no reader of JSON sees.
 */
export function jsonText(value: unknown, indent?: number): string {
  return (JSON.stringify(value, null, indent) ?? "null").replace(
    /[\u007f-\u009f\u202a-\u202e\u2066-\u2069]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}
