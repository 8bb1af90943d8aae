/**
 * What imgpkg prints for a command, as data. Called as `imgpkg`, or with `--tty`, the program prints these parts instead
 * of its own text. A `line` gets a newline, a `text` none; both show on a terminal or with `--tty` only. A `block`, which is
 * printed as it is, and a `table` show always.
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
