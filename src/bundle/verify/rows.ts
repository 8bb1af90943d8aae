import { type VerifiedImage, type VerifyProblem, worstOf } from "./model.ts";

/** What is found of one image at one place, whichever bundles name it. */
interface Row extends Pick<VerifiedImage, "kind" | "origin" | "image"> {
  readonly problems: Map<string, VerifyProblem>;
  readonly neededBy: Set<string>;
}

/** The findings in the order in which the images were first named, each place once. */
export class Rows {
  readonly #rows = new Map<string, Row>();
  #count = 0;

  /** How often an image was named, each bundle's naming counted. */
  get count(): number {
    return this.#count;
  }

  /** @param neededBy the bundle that names it; undefined for the root */
  add(
    { kind, origin, image }: Pick<VerifiedImage, "kind" | "origin" | "image">,
    problems: readonly VerifyProblem[],
    neededBy?: string,
  ): void {
    this.#count++;
    const row = this.#rows.get(image) ?? {
      ...{ kind, origin, image },
      problems: new Map(),
      neededBy: new Set(),
    };
    this.#rows.set(image, row);
    for (const problem of problems) this.addProblem(image, problem);
    if (neededBy !== undefined) row.neededBy.add(neededBy);
  }

  addProblem(image: string, problem: VerifyProblem): void {
    this.#rows.get(image)?.problems.set(`${problem.digest} ${problem.message}`, problem);
  }

  list(): VerifiedImage[] {
    return [...this.#rows.values()].map(({ problems, neededBy, ...found }) => ({
      ...found,
      state: worstOf([...problems.values()].map(({ state }) => state)),
      problems: [...problems.values()],
      neededBy: [...neededBy],
    }));
  }
}
