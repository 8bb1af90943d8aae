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

/** The same document with what really came out, digests and times left open. */
export function withOutputs(markdown: string, outputs: ReadonlyMap<number, string>): string {
  const lines: string[] = [];
  let inside = false;
  let skipping = false;
  let joined = false;
  for (const [i, line] of markdown.split("\n").entries()) {
    if (line.startsWith("```")) {
      inside = !inside && line === "```console";
      skipping = false;
    } else if (inside && line.startsWith("$ ")) {
      skipping = true;
      joined = line.endsWith("\\");
      lines.push(line);
      const output = outputs.get(i + 1);
      if (!joined && output) lines.push(...opened(output));
      continue;
    } else if (skipping && joined) {
      throw new Error("a command over several lines cannot be written anew");
    }
    if (!skipping) lines.push(line);
  }
  return lines.join("\n");
}

function opened(output: string): string[] {
  return output
    .replace(/\n$/, "")
    .replace(/sha256:[0-9a-f]{64}/g, "sha256:…")
    .split("\n");
}
