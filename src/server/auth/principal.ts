export type Action = "pull" | "push" | "delete";

/** What a token allows in one repository. */
export interface Grant {
  readonly repository: string;
  readonly actions: readonly Action[];
}

/** Who asks. */
export type Principal =
  | { readonly kind: "anonymous"; readonly grants?: readonly Grant[] }
  /** With `grants`, no more than those: the request came with a token. */
  | { readonly kind: "user"; readonly name: string; readonly grants?: readonly Grant[] };
