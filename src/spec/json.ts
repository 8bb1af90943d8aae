import { LadingError } from "../errors.ts";
import { quote } from "./digest.ts";
import { checkStructure, type KnownKeys, refuseLookalikes } from "./json-structure.ts";
import { limits } from "./limits.ts";

/** A JSON object from a stranger. Read through the accessors below: they check and name the place. */
export type JsonObject = { readonly [key: string]: unknown };

function invalid(message: string, cause?: unknown): LadingError {
  return new LadingError("ERR_LADING_DOCUMENT", message, {
    hint: "the document does not follow its specification; make it again with a current tool",
    ...(cause === undefined ? {} : { cause }),
  });
}

// A byte order mark stays, and is no JSON then: RFC 8259 forbids it, and Go refuses it.
const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/**
 * Parses bytes as one JSON document: strict UTF-8, limited size and depth, no key twice in an object. The caller keeps the raw bytes; nothing is
 * ever written back from the result.
 * @param what how messages call the document, e.g. "manifest".
 * @throws LadingError ERR_LADING_DOCUMENT, ERR_LADING_LIMIT
 */
export function parseJson(bytes: Uint8Array, what: string, maxBytes: number = limits.manifestBytes): unknown {
  if (bytes.byteLength > maxBytes) {
    throw new LadingError(
      "ERR_LADING_LIMIT",
      `${what} has ${bytes.byteLength} bytes; at most ${maxBytes} are read`,
    );
  }
  const text = decodeUtf8(bytes, what);
  checkStructure(text, what);
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw invalid(`${what} is not JSON`, cause);
  }
}

function decodeUtf8(bytes: Uint8Array, what: string): string {
  try {
    return utf8.decode(bytes);
  } catch (cause) {
    throw invalid(`${what} is not UTF-8`, cause);
  }
}

/** `value` as an object. @throws LadingError ERR_LADING_DOCUMENT */
export function asObject(value: unknown, at: string): JsonObject {
  if (typeof value === "object" && value !== null && !Array.isArray(value)) return value as JsonObject;
  throw invalid(`${at} should be an object, not ${quote(value)}`);
}

/** `value` as an object of a specification. @throws LadingError ERR_LADING_DOCUMENT, for look-alikes of its keys too */
export function asStructure(value: unknown, known: KnownKeys, at: string): JsonObject {
  const object = asObject(value, at);
  refuseLookalikes(object, known, at);
  return object;
}

/** An own property only: a key like `__proto__` never reaches the prototype. */
export function field(object: JsonObject, key: string): unknown {
  return Object.hasOwn(object, key) ? object[key] : undefined;
}

export function has(object: JsonObject, key: string): boolean {
  return field(object, key) !== undefined && field(object, key) !== null;
}

/** @throws LadingError ERR_LADING_DOCUMENT */
export function stringField(object: JsonObject, key: string, at: string): string {
  const value = field(object, key);
  if (typeof value === "string") return value;
  throw invalid(`${at}.${key} should be a string, not ${quote(value)}`);
}

/** @throws LadingError ERR_LADING_DOCUMENT when it is there and no string */
export function optionalString(object: JsonObject, key: string, at: string): string | undefined {
  return has(object, key) ? stringField(object, key, at) : undefined;
}

/** @throws LadingError ERR_LADING_DOCUMENT */
export function sizeField(object: JsonObject, key: string, at: string): number {
  const value = field(object, key);
  if (typeof value === "number" && Number.isSafeInteger(value) && value >= 0) return value + 0;
  throw invalid(`${at}.${key} should be a whole number of bytes, not ${quote(value)}`);
}

/** @throws LadingError ERR_LADING_DOCUMENT, ERR_LADING_LIMIT */
export function arrayField(object: JsonObject, key: string, at: string): readonly unknown[] {
  const value = field(object, key);
  if (!Array.isArray(value)) throw invalid(`${at}.${key} should be a list, not ${quote(value)}`);
  if (value.length > limits.descriptors) {
    throw new LadingError(
      "ERR_LADING_LIMIT",
      `${at}.${key} has ${value.length} entries; at most ${limits.descriptors}`,
    );
  }
  return value;
}

/** @throws LadingError ERR_LADING_DOCUMENT */
export function optionalStrings(object: JsonObject, key: string, at: string): readonly string[] | undefined {
  if (!has(object, key)) return undefined;
  return arrayField(object, key, at).map((item, i) => {
    if (typeof item === "string") return item;
    throw invalid(`${at}.${key}[${i}] should be a string, not ${quote(item)}`);
  });
}

/** A map of strings, without a prototype; a null is the empty string, as for Go. @throws LadingError ERR_LADING_DOCUMENT */
export function optionalStringMap(
  object: JsonObject,
  key: string,
  at: string,
): Readonly<Record<string, string>> | undefined {
  if (!has(object, key)) return undefined;
  const result: Record<string, string> = Object.create(null);
  for (const [name, value] of Object.entries(asObject(field(object, key), `${at}.${key}`))) {
    if (typeof value !== "string" && value !== null) {
      throw invalid(`${at}.${key}[${quote(name)}] should be a string, not ${quote(value)}`);
    }
    result[name] = value ?? "";
  }
  return result;
}
