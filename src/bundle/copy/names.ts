/** The names that copied images keep: the root's tag, the tags of cosign. They are given when all else is done. */
import { isLadingError, LadingError } from "../../errors.ts";
import type { Descriptor } from "../../spec/descriptor.ts";
import type { CallOptions, Store } from "../../stores/store.ts";
import type { GatherOptions, ImageToCopy } from "./model.ts";

export interface PlannedName {
  readonly name: string;
  readonly root: Descriptor;
}

/** @throws LadingError ERR_LADING_USAGE when two images want one name */
export function planNames(images: readonly ImageToCopy[]): PlannedName[] {
  const names = new Map<string, ImageToCopy>();
  for (const image of images) {
    if (image.tag === undefined) continue;
    const other = names.get(image.tag);
    if (other !== undefined && other.root.digest !== image.root.digest) {
      throw new LadingError(
        "ERR_LADING_USAGE",
        `two different images are to become ${image.tag}: ${other.from} and ${image.from}`,
        { hint: "copy them one at a time, to repositories of their own" },
      );
    }
    names.set(image.tag, image);
  }
  return [...names].map(([name, { root }]) => ({ name, root }));
}

/** Gives a name that does not stand for its image yet. */
export async function writeName(
  { name, root }: PlannedName,
  to: Store,
  options: Pick<GatherOptions, "signal" | "on">,
): Promise<void> {
  if (await standsFor(name, root, to, options)) return;
  await to.tag(root, name, options);
  options.on?.({ type: "tagged", descriptor: root, to: to.label, name });
}

async function standsFor(name: string, root: Descriptor, to: Store, options: CallOptions): Promise<boolean> {
  try {
    return (await to.resolve(name, options)).digest === root.digest;
  } catch (error) {
    // Whatever is wrong with asking, naming it will show.
    if (!isLadingError(error)) throw error;
    return false;
  }
}
