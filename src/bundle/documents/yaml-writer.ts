/**
 * Writes the documents of bundles exactly as go-yaml v2 does, which imgpkg uses: equal content has equal bytes, and so
 * equal digests. A document begins with `---`, keys are sorted at every level, lists stand at the column of their key,
 * long texts are folded once a line has more than 80 characters, texts of several lines are literal blocks.
 */
import { compareKeys } from "./yaml-key-order.ts";
import { isTimestamp, resolvePlain } from "./yaml-scalar.ts";

export type YamlDocument = { readonly [key: string]: YamlField };
export type YamlField = string | boolean | null | YamlDocument | readonly YamlDocument[];

const bestWidth = 80;
const bestIndent = 2;
/** Bytes of the longest key that is written on one line with its value. */
const longestSimpleKey = 128;

export function writeYaml(document: YamlDocument): string {
  return `---\n${mapping(document, 0, "")}`;
}

/** A text on a line of its own, as the value of a key. */
export function scalarText(text: string): string {
  return scalar(text, { column: 0, indent: bestIndent, folds: false });
}

/**
 * @param indent column of the keys
 * @param first what the first line begins with, in place of its indentation
 */
function mapping(fields: YamlDocument, indent: number, first: string): string {
  const lines = Object.keys(fields)
    .sort(compareKeys)
    .map((key, i) => {
      const start = i === 0 && first !== "" ? first : " ".repeat(indent);
      const value = fields[key] ?? null;
      const known = withKey(key, start, indent);
      return `${known.text}${fieldText(value, known.column, indent)}`;
    });
  return lines.join("");
}

function withKey(key: string, start: string, indent: number): { text: string; column: number } {
  const inner = indent + bestIndent;
  if (isSimpleKey(key)) {
    const text = `${start}${scalar(key, { column: start.length, indent: inner, folds: false })}:`;
    return { text, column: [...text].length };
  }
  const long = scalar(key, { column: start.length + 2, indent: inner, folds: true });
  return { text: `${start}? ${endLine(long)}${" ".repeat(indent)}:`, column: indent + 1 };
}

/** What comes after the colon, with the end of the line. */
function fieldText(value: YamlField, column: number, indent: number): string {
  if (value === null) return " null\n";
  if (typeof value === "boolean") return ` ${value}\n`;
  if (typeof value === "string") {
    return endLine(` ${scalar(value, { column: column + 1, indent: indent + bestIndent, folds: true })}`);
  }
  if (isList(value)) {
    if (value.length === 0) return " []\n";
    const dash = `${" ".repeat(indent)}- `;
    return `\n${value.map((item) => mapping(item, indent + bestIndent, dash)).join("")}`;
  }
  return Object.keys(value).length === 0 ? " {}\n" : `\n${mapping(value, indent + bestIndent, "")}`;
}

function isList(value: YamlDocument | readonly YamlDocument[]): value is readonly YamlDocument[] {
  return Array.isArray(value);
}

function endLine(text: string): string {
  return text.endsWith("\n") ? text : `${text}\n`;
}

function isSimpleKey(key: string): boolean {
  return !/[\n\r\u0085\u2028\u2029]/.test(key) && Buffer.byteLength(key) <= longestSimpleKey;
}

interface Position {
  /** Characters on the line so far. */
  readonly column: number;
  /** Of lines that go on. */
  readonly indent: number;
  readonly folds: boolean;
}

function scalar(text: string, at: Position): string {
  switch (styleOf(text)) {
    case "plain":
      return folded(text, at, (character) => character);
    case "single":
      return `'${folded(text, { ...at, column: at.column + 1 }, (c) => (c === "'" ? "''" : c))}'`;
    case "double":
      return `"${folded(text, { ...at, column: at.column + 1 }, escaped, "double")}"`;
    case "literal":
      return literal(text, at.indent);
  }
}

type Style = "plain" | "single" | "double" | "literal";

/** Characters that stand for themselves; tabs, emoji and separators of lines do not. */
const printable = /^[\n\x20-\x7e\u00a0-\u2027\u202a-\ud7ff\ue000-\ufefe\uff00-\ufffd]*$/;

function styleOf(text: string): Style {
  // A break within quotes is folded when it is read, and a space before a break is lost.
  const isSpecial = !printable.test(text) || / \n/.test(text);
  if (text.includes("\n")) return isSpecial || text.endsWith(" ") ? "double" : "literal";
  if (!isPlainText(text)) return "double";
  if (isSpecial) return "double";
  return text.startsWith(" ") || text.endsWith(" ") || hasIndicator(text) ? "single" : "plain";
}

/** Read without quotes it would still be this text. */
function isPlainText(text: string): boolean {
  if (text === "<<" || isTimestamp(text)) return false;
  return resolvePlain(text).kind === "string" && !sexagesimal.test(text);
}

/** Numbers to base 60: text for go-yaml, which quotes them for other readers. */
const sexagesimal = /^[-+]?[0-9][0-9_]*(?::[0-5]?[0-9])+(?:\.[0-9_]*)?$/;

function hasIndicator(text: string): boolean {
  return (
    text.startsWith("---") ||
    text.startsWith("...") ||
    /^[#,[\]{}&*!|>'"%@`]/.test(text) ||
    /^[?:-](?: |$)/.test(text) ||
    /:(?: |$)/.test(text) ||
    / #/.test(text)
  );
}

/** Breaks the line at single spaces once it is longer than it should be. */
function folded(
  text: string,
  { column, indent, folds }: Position,
  write: (character: string) => string,
  style?: "double",
): string {
  const characters = [...text];
  const next = `\n${" ".repeat(indent)}`;
  let result = "";
  let spaces = false;
  let at = column;
  for (const [i, character] of characters.entries()) {
    if (character !== " ") {
      const written = write(character);
      result += written;
      at += written.length;
      spaces = false;
      continue;
    }
    const isInside = i > 0 && i < characters.length - 1;
    const mayBreak = isInside && (style === "double" || characters[i + 1] !== " ");
    if (folds && !spaces && at > bestWidth && mayBreak) {
      result += next;
      at = indent;
      // A space at the start of a line would be lost.
      if (characters[i + 1] === " ") {
        result += "\\";
        at++;
      }
    } else {
      result += " ";
      at++;
    }
    spaces = true;
  }
  return result;
}

const escapes: ReadonlyMap<string, string> = new Map([
  ["\0", "\\0"],
  ["\x07", "\\a"],
  ["\b", "\\b"],
  ["\t", "\\t"],
  ["\n", "\\n"],
  ["\v", "\\v"],
  ["\f", "\\f"],
  ["\r", "\\r"],
  ["\x1b", "\\e"],
  ['"', '\\"'],
  ["\\", "\\\\"],
  ["\u0085", "\\N"],
  ["\u2028", "\\L"],
  ["\u2029", "\\P"],
]);

function escaped(character: string): string {
  const short = escapes.get(character);
  if (short !== undefined) return short;
  if (printable.test(character)) return character;
  const code = (character.codePointAt(0) ?? 0).toString(16).toUpperCase();
  if (code.length <= 2) return `\\x${code.padStart(2, "0")}`;
  return code.length <= 4 ? `\\u${code.padStart(4, "0")}` : `\\U${code.padStart(8, "0")}`;
}

function literal(text: string, indent: number): string {
  // How deep the block is cannot be seen from a first line that is empty or begins with a space.
  const hint = /^[ \n]/.test(text) ? String(bestIndent) : "";
  const chomp = !text.endsWith("\n") ? "-" : text === "\n" || text.endsWith("\n\n") ? "+" : "";
  const lines = text.split("\n").map((line) => (line === "" ? "" : `${" ".repeat(indent)}${line}`));
  return `|${hint}${chomp}\n${lines.join("\n")}`;
}
