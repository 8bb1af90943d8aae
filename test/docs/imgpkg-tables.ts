/** The tables of docs/imgpkg.md: what Lading does with each flag and variable of imgpkg, and what holds it. */

export interface TableRow {
  /** The heading above the table: a command's name, "Every command", "Registries" or "Variables". */
  readonly section: string;
  /** Every spelling of the flag, or the variable: `-b`, `--bundle`. */
  readonly names: readonly string[];
  /** Paths of test files from the root. */
  readonly tests: readonly string[];
  /** Of the row, counted from 1. */
  readonly line: number;
}

/** The rows of all tables below the heading `Every flag and variable`. */
export function tableRows(markdown: string): TableRow[] {
  const rows: TableRow[] = [];
  let section: string | undefined;
  let began = false;
  for (const [i, line] of markdown.split("\n").entries()) {
    if (line.startsWith("## ")) began = line === "## Every flag and variable";
    if (began && line.startsWith("### ")) section = line.slice(4);
    const cells = /^\| (`.*?) \| (.+) \| (.*?) \|$/.exec(line);
    if (!began || section === undefined || cells === null) continue;
    const [, names = "", , tests = ""] = cells;
    rows.push({ section, names: codeIn(names), tests: codeIn(tests), line: i + 1 });
  }
  return rows;
}

function codeIn(cell: string): string[] {
  return [...cell.matchAll(/`([^`]+)`/g)].map(([, code = ""]) => code);
}
