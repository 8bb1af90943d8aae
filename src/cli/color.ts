/** Colours for text that people read on a terminal. */
export interface Paint {
  bold(text: string): string;
  red(text: string): string;
  yellow(text: string): string;
  green(text: string): string;
  dim(text: string): string;
}

function style(open: number, close: number, on: boolean): (text: string) => string {
  return on ? (text) => `\u001b[${open}m${text}\u001b[${close}m` : (text) => text;
}

/**
 * @param when the `--color` flag
 * @param stream where the text goes
 */
export function paintFor(
  when: string,
  stream: { readonly isTTY?: boolean },
  env: Readonly<Record<string, string | undefined>>,
): Paint {
  // https://no-color.org: any value that is not empty.
  const asked = stream.isTTY === true && !env["NO_COLOR"] && env["TERM"] !== "dumb";
  const on = when === "always" || (when === "auto" && (asked || (env["FORCE_COLOR"] ?? "0") !== "0"));
  return {
    bold: style(1, 22, on),
    red: style(31, 39, on),
    yellow: style(33, 39, on),
    green: style(32, 39, on),
    dim: style(2, 22, on),
  };
}
