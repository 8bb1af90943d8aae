import { LadingError } from "../../errors.ts";
import { type Reference, targetOf } from "../../spec/reference.ts";
import type { Source } from "../../stores/store.ts";
import { readImage } from "../read/image.ts";
import { readBundleTree } from "../read/tree.ts";
import type { Repositories } from "../repositories.ts";
import { during } from "../steps.ts";
import { type DescribeOptions, describeTree } from "./describe-tree.ts";
import type { BundleDescription } from "./model.ts";

export interface BundleToDescribe {
  /** As the user calls it, for messages. */
  readonly name: string;
  readonly reference: Reference;
  readonly source: Source;
}

/**
 * Reads a bundle with everything below it, and describes it.
 * @throws LadingError ERR_LADING_USAGE for an image that is no bundle; what reading it and `describeTree` throw
 */
export async function describeBundle(
  { name, reference, source }: BundleToDescribe,
  repositories: Repositories<Source>,
  options: DescribeOptions = {},
): Promise<BundleDescription> {
  const call = options.signal === undefined ? {} : { signal: options.signal };
  const descriptor = await during(`Unable to check if ${name} is a bundle`, async () => {
    const found = await source.resolve(targetOf(reference), call);
    const { isBundle } = await readImage(source, found, call);
    return isBundle ? found : undefined;
  });
  if (descriptor === undefined) {
    throw new LadingError("ERR_LADING_USAGE", `Only bundles can be described, and ${name} is not a bundle`, {
      place: source.label,
    });
  }
  return during("Retrieving Images from bundle", async () =>
    describeTree(await readBundleTree({ reference, source, descriptor }, repositories, options), options),
  );
}
