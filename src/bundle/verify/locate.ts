import type { Gate } from "../../copy/together.ts";
import type { Descriptor } from "../../spec/descriptor.ts";
import type { Source } from "../../stores/store.ts";
import type { LocatedImage, LockedImage } from "../documents/model.ts";
import { type PinnedReference, pinnedIn } from "../documents/names.ts";
import type { ImageFinder } from "../read/find.ts";
import { attempt } from "./attempt.ts";
import type { VerifyProblem } from "./model.ts";

/** An image at a place where its manifest could be read. */
export interface Found {
  readonly reference: PinnedReference;
  readonly source: Source;
  readonly descriptor: Descriptor;
}

export interface NotFound {
  /** Where it should be: the last place that a pull would ask. */
  readonly reference: PinnedReference;
  readonly problem: VerifyProblem;
}

export interface LocateContext {
  readonly finder: ImageFinder;
  readonly gate: Gate;
  readonly signal: AbortSignal;
}

/**
 * Finds an image where a pull takes it from, and looks whether it is there also where a pull takes somebody's word.
 * @param locked the image under all names that the lock has for its digest
 * @param said what the locations image says of it
 */
export async function locate(
  bundle: PinnedReference,
  locked: readonly [LockedImage, ...LockedImage[]],
  said: LocatedImage | undefined,
  { finder, gate, signal }: LocateContext,
): Promise<Found | NotFound> {
  const { digest } = locked[0].reference;
  const found = await attempt(
    async () => {
      const { reference, source, descriptor } = await finder.find(locked, bundle, said);
      const seen = descriptor ?? (await gate(() => source.resolve(digest, { signal })));
      return { reference, source, descriptor: seen };
    },
    { signal, digest },
  );
  if ("value" in found) return found.value;
  const { problem } = found;
  if (said === undefined) return { reference: (locked.at(-1) ?? locked[0]).reference, problem };
  const { registry, repository } = bundle;
  return {
    reference: pinnedIn({ registry, repository: said.repository ?? repository }, digest),
    problem: { ...problem, message: `the locations image says that it is here: ${problem.message}` },
  };
}
