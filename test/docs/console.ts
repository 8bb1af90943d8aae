/** Console blocks in Markdown: what a reader types, and what they are told to expect. */

export interface Step {
  /** After the `$`. */
  readonly command: string;
  /** Lines expected; `…` stands for anything within a line, and on a line of its own for any lines. */
  readonly expected: readonly string[];
  /** Of the command, counted from 1. */
  readonly line: number;
}

/** The steps of all ```console blocks, in order. */
export function stepsOf(markdown: string): Step[] {
  const steps: { command: string; expected: string[]; line: number }[] = [];
  let inside = false;
  for (const [i, line] of markdown.split("\n").entries()) {
    if (line.startsWith("```")) {
      inside = !inside && line === "```console";
      continue;
    }
    if (!inside) continue;
    const last = steps.at(-1);
    if (line.startsWith("$ ")) steps.push({ command: line.slice(2), expected: [], line: i + 1 });
    else if (last !== undefined && last.expected.length === 0 && last.command.endsWith("\\")) {
      last.command += `\n${line}`;
    } else last?.expected.push(line);
  }
  return steps;
}

/** Whether what came out is what was promised. */
export function matches(expected: readonly string[], actual: string): boolean {
  const literal = (text: string) => text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
  const pattern = expected
    .map((line) => (line === "…" ? "(?:.*\n)*?" : `${line.split("…").map(literal).join("[^\n]*?")}\n`))
    .join("");
  const text = actual === "" || actual.endsWith("\n") ? actual : `${actual}\n`;
  return new RegExp(`^${pattern}$`).test(text);
}

/** The same document with what really came out, digests left open. What still matches stays as it was written. */
export function withOutputs(markdown: string, outputs: ReadonlyMap<number, string>): string {
  const lines = markdown.split("\n");
  for (const { command, expected, line } of stepsOf(markdown).reverse()) {
    const output = outputs.get(line) ?? "";
    if (matches(expected, output)) continue;
    const first = line - 1 + command.split("\n").length;
    lines.splice(first, expected.length, ...opened(output));
  }
  return lines.join("\n");
}

function opened(output: string): string[] {
  if (output === "") return [];
  return output
    .replace(/\n$/, "")
    .replace(/(sha256[:-])[0-9a-f]{64}/g, "$1…")
    .split("\n");
}
