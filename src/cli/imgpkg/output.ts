import type { ImgpkgPart } from "./parts.ts";
import { renderTable } from "./table.ts";

export interface ImgpkgOutput {
  /** Standard output is a terminal, or `--tty` says to do as if. */
  readonly onTerminal: boolean;
  /** What `--column` names. */
  readonly columns: readonly string[];
}

/** What imgpkg prints when a command has done its work. */
export function renderParts(parts: readonly ImgpkgPart[], { onTerminal, columns }: ImgpkgOutput): string {
  const text = parts
    .map((part) => {
      if (part.kind === "table") return renderTable(part, columns, onTerminal);
      if (part.kind === "block") return part.text;
      if (!onTerminal) return "";
      return part.kind === "line" ? `${part.text}\n` : part.text;
    })
    .join("");
  return onTerminal ? succeeded(text) : text;
}

/** The last line of everything that went well on a terminal: after an empty line, or else on a line of its own. */
export function succeeded(text: string): string {
  return text === "" ? "Succeeded\n" : `${text}\nSucceeded\n`;
}
