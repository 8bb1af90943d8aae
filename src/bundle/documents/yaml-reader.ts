import { Composer, type Document, isAlias, isMap, isScalar, isSeq, Lexer, LineCounter, Parser } from "yaml";
import { LadingError } from "../../errors.ts";
import { quote } from "../../spec/digest.ts";
import { resolvePlain, type YamlScalar } from "./yaml-scalar.ts";

/** A YAML document as JSON would have it; names of kinds are those that Go's messages use. */
export type YamlValue = YamlScalar | YamlObject | YamlArray;

export interface YamlObject {
  readonly kind: "object";
  readonly fields: ReadonlyMap<string, YamlValue>;
}

export interface YamlArray {
  readonly kind: "array";
  readonly items: readonly YamlValue[];
}

export interface ParseYamlOptions {
  /** Most bytes that are read. */
  readonly maxBytes: number;
  /** What messages begin with, such as `Unmarshaling images lock`. */
  readonly what: string;
  /** The same key twice: an error, or the last one counts. */
  readonly duplicates: "refused" | "last";
}

/** Deeper than any document of bundles, and no danger to the stack. */
const maxDepth = 64;
/** Words, marks and spaces of one document: what its parser keeps grows with them, half a kilobyte for each. */
const maxTokens = 600_000;
/** Characters of what is wrong: the parser quotes from the document as much as it likes. */
const longestReason = 300;
/** Values in one document, those that aliases stand for included. */
const maxValues = 600_000;

/**
 * Parses one YAML document as imgpkg does: YAML 1.1 as go-yaml v2 understands it. A byte order mark and line ends of
 * Windows are taken; several documents in one file are not, since imgpkg would read the first without a word.
 * @throws LadingError ERR_LADING_DOCUMENT, ERR_LADING_LIMIT
 */
export function parseYaml(bytes: Uint8Array, options: ParseYamlOptions): YamlValue {
  const { maxBytes, what } = options;
  if (bytes.byteLength > maxBytes) {
    throw new LadingError(
      "ERR_LADING_LIMIT",
      `${what}: there are ${bytes.byteLength} bytes; at most ${maxBytes} are read`,
    );
  }
  const lines = new LineCounter();
  const document = compose(decode(bytes, what), lines, what);
  if (document === undefined) return { kind: "null", text: "" };
  return new Reader(lines, options).read(document.contents, 0);
}

function invalid(what: string, why: string, line?: number): LadingError {
  const at = line === undefined ? "" : `line ${line}: `;
  const shown = why.length > longestReason ? `${why.slice(0, longestReason)}…` : why;
  return new LadingError(
    "ERR_LADING_DOCUMENT",
    `${what}: error converting YAML to JSON: yaml: ${at}${shown}`,
  );
}

function tooMuch(what: string, why: string): LadingError {
  return new LadingError("ERR_LADING_LIMIT", `${what}: ${why}`);
}

function decode(bytes: Uint8Array, what: string): string {
  let text: string;
  try {
    // Takes a byte order mark away.
    text = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    throw invalid(what, "invalid UTF-8");
  }
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is looked for
  if (/[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]/.test(text))
    throw invalid(what, "control characters are not allowed");
  return text.replaceAll(/\r\n?/g, "\n");
}

function compose(text: string, lines: LineCounter, what: string): Document.Parsed | undefined {
  const composer = new Composer<Document.Parsed["contents"] & object>({
    version: "1.1",
    // Scalars stay as they are written: their meaning is go-yaml's, and keys are compared after it is known.
    schema: "failsafe",
    uniqueKeys: false,
    lineCounter: lines,
    prettyErrors: false,
  });
  let document: Document.Parsed | undefined;
  for (const next of composer.compose(tokens(text, lines, what))) {
    const [error] = next.errors;
    if (error !== undefined) throw invalid(what, error.message, lines.linePos(error.pos[0]).line);
    if (document !== undefined && next.contents !== null && !isNull(next.contents)) {
      throw invalid(what, "there are several documents in one file; one is expected");
    }
    document ??= next;
  }
  return document;
}

/** Limited while it is parsed, before anything keeps all of it or walks it by calling itself. */
function* tokens(text: string, lines: LineCounter, what: string) {
  const parser = new Parser(lines.addNewLine);
  lines.addNewLine(0);
  let count = 0;
  for (const lexeme of new Lexer().lex(text)) {
    if (++count > maxTokens) throw tooMuch(what, `it has more than ${maxTokens} words and marks`);
    for (const token of parser.next(lexeme)) {
      // One mistake is enough: the composer would keep them all, each with a stack.
      if (token.type === "error") throw invalid(what, token.message, lines.linePos(token.offset).line);
      yield token;
    }
    if (parser.stack.length > maxDepth) throw tooMuch(what, `it is nested deeper than ${maxDepth} levels`);
  }
  yield* parser.end();
}

function isNull(node: unknown): boolean {
  return isScalar(node) && node.type === "PLAIN" && resolvePlain(sourceOf(node.value)).kind === "null";
}

function sourceOf(value: unknown): string {
  return typeof value === "string" ? value : "";
}

interface Counted {
  readonly value: YamlValue;
  readonly count: number;
}

const coreTag = /^tag:yaml\.org,2002:/;

class Reader {
  readonly #lines: LineCounter;
  readonly #options: ParseYamlOptions;
  /** An alias stands for the very same value: many aliases of aliases take no memory, and are counted all the same. */
  readonly #anchors = new Map<string, Counted>();
  #count = 0;

  constructor(lines: LineCounter, options: ParseYamlOptions) {
    this.#lines = lines;
    this.#options = options;
  }

  read(node: unknown, depth: number): YamlValue {
    if (depth > maxDepth) {
      throw tooMuch(this.#options.what, `it is nested deeper than ${maxDepth} levels`);
    }
    if (isAlias(node)) {
      // An anchor is known once its value is whole: a value that contains itself is not found.
      const anchor = this.#anchors.get(node.source);
      if (anchor === undefined) throw this.#invalid(`unknown anchor '${node.source}' referenced`, node);
      this.#add(anchor.count);
      return anchor.value;
    }
    const before = this.#count;
    this.#add(1);
    const value = this.#value(node, depth);
    const anchor = (node as { anchor?: string } | null)?.anchor;
    if (anchor !== undefined) this.#anchors.set(anchor, { value, count: this.#count - before });
    return value;
  }

  #add(count: number): void {
    this.#count += count;
    if (this.#count > maxValues) {
      throw tooMuch(
        this.#options.what,
        `it has more than ${maxValues} values, counting what aliases stand for`,
      );
    }
  }

  #value(node: unknown, depth: number): YamlValue {
    if (isMap(node)) return { kind: "object", fields: this.#fields(node.items, depth) };
    if (isSeq(node)) return { kind: "array", items: node.items.map((item) => this.read(item, depth + 1)) };
    return isScalar(node) ? this.#scalar(node) : resolvePlain("");
  }

  #scalar(node: { readonly value: unknown; readonly type?: string; readonly tag?: string }): YamlScalar {
    const text = sourceOf(node.value);
    const tag = node.tag?.replace(coreTag, "!!");
    // An escape may stand for half a character, which nothing can be written from.
    if (/\p{Surrogate}/u.test(text)) throw this.#invalid("invalid Unicode character escape code", node);
    if (tag === "!!binary") throw this.#invalid("binary values are not expected here", node);
    const untagged = tag === undefined && node.type === "PLAIN";
    const isTyped = tag === "!!null" || tag === "!!bool" || tag === "!!int" || tag === "!!float";
    return untagged || isTyped ? resolvePlain(text) : { kind: "string", text };
  }

  #fields(pairs: readonly { key: unknown; value: unknown }[], depth: number): Map<string, YamlValue> {
    const fields = new Map<string, YamlValue>();
    const merged: YamlValue[] = [];
    for (const { key, value } of pairs) {
      if (isScalar(key) && key.type === "PLAIN" && key.value === "<<") {
        merged.push(this.read(value, depth + 1));
        continue;
      }
      const name = this.#key(key, depth);
      if (fields.has(name) && this.#options.duplicates === "refused") {
        throw this.#invalid(`key ${quote(name)} already set in map`, key);
      }
      fields.set(name, this.read(value, depth + 1));
    }
    for (const value of merged) this.#merge(fields, value);
    return fields;
  }

  #key(node: unknown, depth: number): string {
    const key = this.read(node, depth + 1);
    if (key.kind === "object" || key.kind === "array" || key.kind === "null") {
      throw this.#invalid(`unsupported map key: ${key.kind}`, node);
    }
    return key.text;
  }

  /** `<<`: what the map does not say itself, it takes from another one, or from the first of several that says it. */
  #merge(fields: Map<string, YamlValue>, from: YamlValue): void {
    for (const each of from.kind === "array" ? from.items : [from]) {
      if (each.kind !== "object")
        throw this.#invalid("map merge requires map or sequence of maps as the value");
      this.#add(each.fields.size);
      for (const [name, value] of each.fields) if (!fields.has(name)) fields.set(name, value);
    }
  }

  #invalid(why: string, node?: unknown): LadingError {
    const range = (node as { range?: readonly number[] | null } | null | undefined)?.range;
    const line = range?.[0] === undefined ? undefined : this.#lines.linePos(range[0]).line;
    return invalid(this.#options.what, why, line);
  }
}
