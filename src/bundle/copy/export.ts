import { plan } from "../../copy/plan.ts";
import type { Descriptor } from "../../spec/descriptor.ts";
import type { Digest } from "../../spec/digest.ts";
import { MemoryStore } from "../../stores/memory.ts";
import type { Store } from "../../stores/store.ts";
import type { BundleTar } from "../tar/open.ts";
import {
  planTar,
  type TarImage,
  type TarPlan,
  type TarResult,
  type WriteTarOptions,
  writeTar,
} from "../tar/write.ts";
import { Gathering } from "./gathering.ts";
import type { CopySet, GatherOptions, ImageToCopy } from "./model.ts";

export interface ExportOptions
  extends Pick<GatherOptions, "on" | "signal" | "concurrency">,
    Pick<WriteTarOptions, "resume" | "nonDistributable"> {
  /** Tars that the receiver has imported: what they hold, or left out because it was known, is left out. */
  readonly since?: readonly BundleTar[];
  /** Repositories that the tar will be imported into: what they have is left out. */
  readonly known?: readonly Store[];
}

/**
 * Writes a set into a tar of imgpkg's form. With `since` or `known` it is differential: layers that its receiver has are
 * named in it and not held.
 * @throws LadingError what `writeTar` throws
 */
export async function exportToTar(
  set: CopySet,
  path: string,
  options: ExportOptions = {},
): Promise<TarResult> {
  return writeTar(path, await tarImages(set, options), contentOptions(options));
}

/** What `exportToTar` would write. */
export async function planExport(set: CopySet, path: string, options: ExportOptions = {}): Promise<TarPlan> {
  return planTar(await tarImages(set, options), {
    ...contentOptions(options),
    ...(options.resume === true ? { previous: path } : {}),
  });
}

function contentOptions({ since = [], known = [], ...options }: ExportOptions): WriteTarOptions {
  if (since.length === 0 && known.length === 0) return options;
  const isKnown = async (layer: Descriptor): Promise<boolean> => {
    if (since.some((tar) => tar.hasLayer(layer) || tar.leftOut.has(layer.digest))) return true;
    const { signal } = options;
    for (const repository of known) {
      if (await repository.has({ kind: "blob", descriptor: layer }, signal === undefined ? {} : { signal }))
        return true;
    }
    return false;
  };
  return { ...options, leaveOut: isKnown };
}

async function tarImages({ images }: CopySet, options: ExportOptions): Promise<TarImage[]> {
  const sparse = await manifestsOfSparse(images, options);
  return images.map((image) => {
    const { source, root, tag = "", origin, labels } = image;
    const manifests = sparse.get(image);
    return {
      ...{ source, root, tag, labels },
      refs: [referenceOf(image)],
      origRef: origin,
      ...(manifests === undefined ? {} : { manifests }),
    };
  });
}

/** imgpkg wants a reference for each image. What is in no registry gets one whose host cannot be (RFC 2606). */
function referenceOf({ source, from, root }: ImageToCopy): string {
  return source.location === undefined ? `nowhere.invalid/image@${root.digest}` : from;
}

/** The manifests that go along of each index that loses some: a plan that goes nowhere finds them. */
async function manifestsOfSparse(
  images: readonly ImageToCopy[],
  options: Pick<GatherOptions, "on" | "signal" | "concurrency">,
): Promise<ReadonlyMap<ImageToCopy, ReadonlySet<Digest>>> {
  const chosen = images.filter(({ platforms = [] }) => platforms.length > 0);
  const gathering = new Gathering(options);
  const kept = gathering.all(chosen, async (image): Promise<[ImageToCopy, ReadonlySet<Digest>]> => {
    const { source, root, platforms = [] } = image;
    const to = new MemoryStore("nowhere");
    const request = { from: source, reference: root, to, tags: [], platforms, keepIndex: true };
    const { nodes } = await plan([request], { ...options, signal: gathering.signal });
    const manifests = nodes.filter(({ kind }) => kind === "manifest");
    return [image, new Set(manifests.map(({ descriptor }) => descriptor.digest))];
  });
  return new Map(await kept);
}
