/** TypeScript blocks in Markdown, each a program of its own. */

export interface Program {
  /** A file name for it, without its ending: `program-1`. */
  readonly name: string;
  readonly code: string;
  /** Of its first line, counted from 1. */
  readonly line: number;
}

/** The programs of all ```ts blocks, in order. */
export function programsOf(markdown: string): Program[] {
  const programs: Program[] = [];
  const lines = markdown.split("\n");
  let start: number | undefined;
  for (const [i, line] of lines.entries()) {
    if (!line.startsWith("```")) continue;
    if (start === undefined) start = line === "```ts" ? i + 1 : Number.NaN;
    else {
      if (!Number.isNaN(start)) {
        const code = `${lines.slice(start, i).join("\n")}\n`;
        programs.push({ name: `program-${programs.length + 1}`, code, line: start + 1 });
      }
      start = undefined;
    }
  }
  return programs;
}
