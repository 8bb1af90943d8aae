import { LadingError } from "../errors.ts";
import { quote } from "./digest.ts";
import { limits } from "./limits.ts";

const quoteMark = 0x22;
const backslash = 0x5c;

/**
 * Looks over JSON text before it is parsed: nesting is limited, so that no reader's stack or memory gives out, and no
 * object may have the same key twice, since readers differ in which one they take. The grammar is the parser's business.
 * @throws LadingError ERR_LADING_LIMIT, ERR_LADING_DOCUMENT
 */
export function checkStructure(text: string, what: string): void {
  /** The keys of each open object; undefined for an open list. */
  const open: (Set<string> | undefined)[] = [];
  let keys: Set<string> | undefined;
  let isKeyNext = false;
  for (let i = 0; i < text.length; i++) {
    switch (text.charCodeAt(i)) {
      case quoteMark: {
        const end = endOfString(text, i + 1);
        if (isKeyNext && keys !== undefined) addKey(keys, text.slice(i + 1, end), what);
        isKeyNext = false;
        i = end;
        break;
      }
      case 0x7b: // {
      case 0x5b: // [
        keys = text.charCodeAt(i) === 0x7b ? new Set() : undefined;
        isKeyNext = keys !== undefined;
        if (open.push(keys) > limits.jsonDepth) {
          throw new LadingError("ERR_LADING_LIMIT", `${what} nests deeper than ${limits.jsonDepth} levels`);
        }
        break;
      case 0x7d: // }
      case 0x5d: // ]
        open.pop();
        keys = open.at(-1);
        isKeyNext = false;
        break;
      case 0x2c: // ,
        isKeyNext = keys !== undefined;
        break;
    }
  }
}

/** Index of the quotation mark that ends the string, or the text's end. */
function endOfString(text: string, start: number): number {
  for (let end = text.indexOf('"', start); end >= 0; end = text.indexOf('"', end + 1)) {
    let slashes = end;
    while (slashes > start && text.charCodeAt(slashes - 1) === backslash) slashes--;
    if ((end - slashes) % 2 === 0) return end;
  }
  return text.length;
}

function addKey(keys: Set<string>, raw: string, what: string): void {
  let key = raw;
  if (raw.includes("\\")) {
    try {
      key = JSON.parse(`"${raw}"`) as string;
    } catch {
      return; // Not JSON: the parser will say so.
    }
  }
  if (keys.has(key)) {
    throw new LadingError("ERR_LADING_DOCUMENT", `${what} has the key ${quote(key)} twice in one object`, {
      hint: "programs would read it in different ways; rebuild it with a correct tool",
    });
  }
  keys.add(key);
}

/** Keys that a structure of a specification has. */
export interface KnownKeys {
  readonly exact: ReadonlySet<string>;
  readonly folded: ReadonlySet<string>;
}

export function knownKeys(...names: readonly string[]): KnownKeys {
  return { exact: new Set(names), folded: new Set(names.map(fold)) };
}

/** As Go's decoder compares keys: without case, where the long s is an s and the Kelvin sign a k. */
function fold(key: string): string {
  return key.toUpperCase().toLowerCase();
}

/**
 * Refuses keys that are known ones but for their case: Go's decoder takes them for those, others do not, so one document
 * would be two (CVE-2021-41190).
 * @throws LadingError ERR_LADING_DOCUMENT
 */
export function refuseLookalikes(
  object: { readonly [key: string]: unknown },
  known: KnownKeys,
  at: string,
): void {
  for (const key of Object.keys(object)) {
    if (known.exact.has(key) || !known.folded.has(fold(key))) continue;
    throw new LadingError("ERR_LADING_DOCUMENT", `${at} has the ambiguous key ${quote(key)}`, {
      hint: "it differs only by case from a key of the specification (CVE-2021-41190); rebuild it with a correct tool",
    });
  }
}
