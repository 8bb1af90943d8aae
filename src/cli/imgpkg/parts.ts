/**
 * What imgpkg prints for a command, as data. Called as `imgpkg`, or with `--tty`, the program prints these parts instead
 * of its own text. `line` (with its newline) and `text` (without) show on a terminal or with `--tty` only; `block` and
 * `table` always.
 */
export type ImgpkgPart =
  | { readonly kind: "line"; readonly text: string }
  | { readonly kind: "text"; readonly text: string }
  | { readonly kind: "block"; readonly text: string }
  | ({ readonly kind: "table" } & ImgpkgTable);

export interface ImgpkgTable {
  /** Such as "Tags". */
  readonly title: string;
  /** What is counted below it on a terminal, such as "tags". */
  readonly unit: string;
  /** Column titles, such as "Name"; a row's keys are the same in lower case. */
  readonly header: readonly string[];
  readonly rows: readonly Readonly<Record<string, string>>[];
}
