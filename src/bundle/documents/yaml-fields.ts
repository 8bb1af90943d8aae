/** Reads the fixed shapes of locks out of YAML, with the sentences in which Go says that a shape is another. */
import { LadingError } from "../../errors.ts";
import { quote } from "../../spec/digest.ts";
import type { YamlObject, YamlValue } from "./yaml-reader.ts";

/** The place of a value: in which document, under which name in Go, and where people find it. */
export interface At {
  /** What messages begin with, such as `Unmarshaling images lock`. */
  readonly what: string;
  /** The file or image that the document comes from. */
  readonly place: string;
  /** Go's name for the structure that has the field, such as `ImageRef`. */
  readonly structure: string;
  /** Names of the fields that lead there, as Go writes them: `images.annotations`. */
  readonly field: string;
  /** The same with positions, for people: `images[3].annotations`. */
  readonly path: string;
}

/** The place of a field below another place. */
export function fieldAt(at: At, name: string, structure = at.structure): At {
  return { ...at, structure, field: join(at.field, name), path: join(at.path, name) };
}

export function itemAt(at: At, index: number, structure = at.structure): At {
  return { ...at, structure, path: `${at.path}[${index}]` };
}

function join(path: string, name: string): string {
  return path === "" ? name : `${path}.${name}`;
}

/** An error about a place within a document. */
export function invalidAt(at: At, message: string, cause?: unknown): LadingError {
  return new LadingError("ERR_LADING_DOCUMENT", message, {
    place: at.path === "" ? at.place : `${at.place}: ${at.path}`,
    ...(cause === undefined ? {} : { cause }),
  });
}

function wrongType(value: YamlValue, at: At, wanted: string): LadingError {
  const target =
    at.field === ""
      ? `value of type ${wanted}`
      : `struct field ${at.structure}.${at.field} of type ${wanted}`;
  return invalidAt(
    at,
    `${at.what}: error unmarshaling JSON: while decoding JSON: json: cannot unmarshal ${value.kind} into Go ${target}`,
  );
}

/** A map with known fields only; a null is an empty one. @throws LadingError ERR_LADING_DOCUMENT */
export function structureOf(
  value: YamlValue | undefined,
  at: At,
  type: string,
  known: readonly string[] | "any",
): YamlObject["fields"] {
  if (value === undefined || value.kind === "null") return new Map();
  if (value.kind !== "object") throw wrongType(value, at, type);
  for (const name of known === "any" ? [] : value.fields.keys()) {
    if (known.includes(name)) continue;
    throw invalidAt(
      fieldAt(at, name),
      `${at.what}: error unmarshaling JSON: while decoding JSON: json: unknown field ${quote(name)}`,
    );
  }
  return value.fields;
}

/** A string; numbers, booleans and nulls become one. @throws LadingError ERR_LADING_DOCUMENT */
export function textOf(value: YamlValue | undefined, at: At): string {
  if (value === undefined) return "";
  if (value.kind === "object" || value.kind === "array") throw wrongType(value, at, "string");
  return value.text;
}

/** A boolean; false when there is none. @throws LadingError ERR_LADING_DOCUMENT */
export function flagOf(value: YamlValue | undefined, at: At): boolean {
  if (value === undefined || value.kind === "null") return false;
  if (value.kind !== "bool") throw wrongType(value, at, "bool");
  return value.text === "true";
}

/** A list; none when it is left out or null. @throws LadingError ERR_LADING_DOCUMENT */
export function itemsOf(value: YamlValue | undefined, at: At, type: string): readonly YamlValue[] {
  if (value === undefined || value.kind === "null") return [];
  if (value.kind !== "array") throw wrongType(value, at, type);
  return value.items;
}

/** A map of strings. @throws LadingError ERR_LADING_DOCUMENT */
export function textsOf(value: YamlValue | undefined, at: At): Readonly<Record<string, string>> {
  const fields = structureOf(value, at, "map[string]string", "any");
  return Object.fromEntries(
    [...fields].map(([name, text]) => [name, textOf(text, { ...at, path: join(at.path, name) })]),
  );
}
