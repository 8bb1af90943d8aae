import { LayerWriter } from "./layer-writer.ts";
import { defaultUnpackLimits, type UnpackOptions, type UnpackResult } from "./options.ts";
import { foldsNames, SimilarNames } from "./similar-names.ts";
import { canWalkByDescriptor, Tree } from "./tree.ts";

/** A folder that an image's files go to. */
export interface Filling {
  readonly tree: Tree;
  readonly writer: LayerWriter;
}

/**
 * Has a folder filled through a tree of its own; folders get their modes and times in the end.
 * @param target how messages call the place
 * @param umask the process's
 */
export async function fillFolder(
  folder: string,
  settings: { readonly target: string; readonly umask: number; readonly options: UnpackOptions },
  fill: (filling: Filling) => Promise<void>,
): Promise<UnpackResult> {
  const { options, target, umask } = settings;
  const limits = { ...defaultUnpackLimits, ...options.limits };
  const similar = options.similarNames ?? (foldsNames(folder) ? "refuse" : "allow");
  const tree = new Tree(folder, {
    walk: options.walk ?? (canWalkByDescriptor(folder) ? "descriptors" : "paths"),
    throughLinks: options.throughLinks ?? "refuse",
    maxDepth: limits.depth,
    onRemoved: (path) => writer.forgetFolder(path),
  });
  const writer = new LayerWriter(tree, {
    ...options,
    limits,
    target,
    umask,
    names: similar === "refuse" ? new SimilarNames() : undefined,
  });
  try {
    await fill({ tree, writer });
    await writer.finish();
    return writer.result;
  } finally {
    tree.close();
  }
}
