import { jsonText } from "../json-text.ts";
import type { ImgpkgPart } from "./parts.ts";
import { shownColumns } from "./table.ts";

/** imgpkg's one object for `--json`: what it would have printed on a terminal, by kind. */
export function partsJson(parts: readonly ImgpkgPart[], columns: readonly string[]): string {
  const tables: unknown[] = [];
  const blocks: string[] = [];
  const lines: string[] = [];
  for (const part of parts) {
    if (part.kind === "table") {
      const shown = shownColumns(part, columns);
      tables.push({
        Content: part.unit,
        Header: sorted(shown.map(({ key, title }) => [key, title])),
        Rows: part.rows.map((row) => sorted(shown.map(({ key }) => [key, row[key] ?? ""]))),
        Notes: null,
      });
    } else if (part.kind === "block") blocks.push(part.text);
    else lines.push(part.kind === "line" ? `${part.text}\n` : part.text);
  }
  return goIndented({ Tables: orNull(tables), Blocks: orNull(blocks), Lines: [...lines, "Succeeded"] });
}

/** The same object for a failure, about which imgpkg says nothing at all. */
export function errorJson(message: string): string {
  return goIndented({ Tables: null, Blocks: null, Lines: null, Error: message });
}

function orNull<T>(list: readonly T[]): readonly T[] | null {
  return list.length === 0 ? null : list;
}

/** Go writes maps with their keys in order. */
function sorted(entries: readonly (readonly [string, string])[]): Record<string, string> {
  return Object.fromEntries([...entries].sort(([a], [b]) => (a < b ? -1 : 1)));
}

/** As Go's encoder indents and escapes. */
function goIndented(value: unknown): string {
  return jsonText(value, 4).replace(
    /[<>&\u2028\u2029]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}
