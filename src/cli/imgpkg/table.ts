import { LadingError } from "../../errors.ts";
import type { ImgpkgTable } from "./parts.ts";

/** The columns of a table by key, as far as `--column` names them. */
export interface ShownColumn {
  /** Title in lower case. */
  readonly key: string;
  readonly title: string;
}

/**
 * @param wanted what `--column` names; none leaves all
 * @throws LadingError ERR_LADING_USAGE for a column that the table does not have
 */
export function shownColumns(table: ImgpkgTable, wanted: readonly string[]): readonly ShownColumn[] {
  const all = table.header.map((title) => ({ key: title.toLowerCase(), title }));
  const keys = new Set(wanted.map((name) => name.toLowerCase()));
  for (const key of keys) {
    if (all.some((column) => column.key === key)) continue;
    const known = all.map((column) => column.key).join(", ");
    throw new LadingError("ERR_LADING_USAGE", `Unknown column '${key}' (known columns: ${known})`);
  }
  return keys.size === 0 ? all : all.filter(({ key }) => keys.has(key));
}

/**
 * On a terminal with title, header and count; elsewhere rows alone, with a tab after each cell for `cut`. Every column
 * but the last is padded to its widest cell.
 */
export function renderTable(table: ImgpkgTable, wanted: readonly string[], onTerminal: boolean): string {
  const columns = shownColumns(table, wanted);
  const cells = table.rows.map((row) => columns.map(({ key }) => row[key] || "-"));
  const rows = onTerminal ? [columns.map(({ title }) => title), ...cells] : cells;
  const widths = columns.map((_, i) => Math.max(0, ...rows.map((row) => row[i]?.length ?? 0)));
  const gap = onTerminal ? "  " : "\t";
  const lines = rows.map((row) =>
    row.map((cell, i) => (i === columns.length - 1 ? cell : cell.padEnd(widths[i] ?? 0)) + gap).join(""),
  );
  const all = onTerminal ? [table.title, "", ...lines, "", `${table.rows.length} ${table.unit}`] : lines;
  return all.map((line) => `${line}\n`).join("");
}
