import { type VerifiedImage, type VerifyProblem, worstOf } from "./model.ts";

/** What is found of one image at one place, whichever bundles name it. */
interface Row extends Pick<VerifiedImage, "kind" | "image" | "location"> {
  readonly problems: Map<string, VerifyProblem>;
  readonly neededBy: Set<string>;
}

/** The findings in the order in which the images were first named, each place once. */
export class Rows {
  readonly #rows = new Map<string, Row>();

  /** @param neededBy the bundle that names it; undefined for the root */
  add(
    { kind, image, location }: Pick<VerifiedImage, "kind" | "image" | "location">,
    problems: readonly VerifyProblem[],
    neededBy?: string,
  ): void {
    const row = this.#rows.get(location) ?? {
      ...{ kind, image, location },
      problems: new Map(),
      neededBy: new Set(),
    };
    this.#rows.set(location, row);
    for (const problem of problems) this.addProblem(location, problem);
    if (neededBy !== undefined) row.neededBy.add(neededBy);
  }

  addProblem(location: string, problem: VerifyProblem): void {
    this.#rows.get(location)?.problems.set(`${problem.digest} ${problem.message}`, problem);
  }

  list(): VerifiedImage[] {
    return [...this.#rows.values()].map(({ problems, neededBy, ...image }) => ({
      ...image,
      state: worstOf([...problems.values()].map(({ state }) => state)),
      problems: [...problems.values()],
      neededBy: [...neededBy],
    }));
  }
}
