/** One challenge of a `WWW-Authenticate` header (RFC 9110 §11.6.1). */
export interface Challenge {
  /** Lower case. */
  readonly scheme: string;
  /** Names in lower case; the first of a repeated name counts. */
  readonly parameters: ReadonlyMap<string, string>;
  /** The `token68` form, in place of parameters. */
  readonly token68?: string;
}

const longestHeader = 16 * 1024;
const mostChallenges = 20;
const token = /[!#$%&'*+.^_`|~0-9A-Za-z-]+/y;
const token68 = /[A-Za-z0-9._~+/-]+=*(?=[ \t]*(?:,|$))/y;

/**
 * Reads every challenge from every header line. What does not parse ends that line; what was read before it stays. Never
 * throws: it is the other side's text.
 */
export function parseChallenges(headers: readonly string[]): readonly Challenge[] {
  const challenges: Challenge[] = [];
  for (const header of headers) {
    if (header.length <= longestHeader) parseLine(header, challenges);
  }
  return challenges.slice(0, mostChallenges);
}

function parseLine(text: string, into: Challenge[]): void {
  let position = 0;
  const read = (pattern: RegExp): string | undefined => {
    pattern.lastIndex = position;
    const found = pattern.exec(text)?.[0];
    if (found !== undefined) position += found.length;
    return found;
  };
  const space = /[ \t]*/y;
  const separators = /[ \t,]*/y;
  let parameters: Map<string, string> | undefined;
  for (;;) {
    read(separators);
    if (position >= text.length) return;
    const name = read(token);
    if (name === undefined) return;
    const afterName = position;
    read(space);
    if (text[position] === "=" && parameters !== undefined) {
      position++;
      read(space);
      const value = text[position] === '"' ? readQuoted() : read(token);
      if (value === undefined) return;
      const key = name.toLowerCase();
      if (!parameters.has(key)) parameters.set(key, value);
      continue;
    }
    // Not a parameter: a new challenge starts here.
    parameters = new Map();
    const start = position;
    const credentials = position > afterName ? read(token68) : undefined;
    if (credentials !== undefined) {
      into.push({ scheme: name.toLowerCase(), parameters, token68: credentials });
    } else {
      position = start;
      into.push({ scheme: name.toLowerCase(), parameters });
    }
  }

  function readQuoted(): string | undefined {
    let value = "";
    for (position++; position < text.length; position++) {
      const char = text[position];
      if (char === '"') {
        position++;
        return value;
      }
      if (char === "\\") position++;
      value += text[position] ?? "";
    }
    return undefined;
  }
}
