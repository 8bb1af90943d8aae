import { plan } from "../../copy/plan.ts";
import { LadingError, messageOf } from "../../errors.ts";
import { MemoryStore } from "../../stores/memory.ts";
import { findCosignArtifacts } from "../artifacts/cosign.ts";
import { during } from "../steps.ts";
import { besides, type Gathering, sortedOnce } from "./gathering.ts";
import type { GatherOptions, ImageToCopy } from "./model.ts";

/** Adds what belongs to the images and was asked for: what cosign keeps beside them, and what refers to them. */
export async function withArtifacts(
  images: readonly ImageToCopy[],
  gathering: Gathering,
  options: GatherOptions,
): Promise<readonly ImageToCopy[]> {
  const cosign = await cosignOf(images, gathering, options);
  const referrers = options.referrers === true ? await referrersOf(images, options) : [];
  return cosign.length + referrers.length === 0 ? images : sortedOnce([...images, ...cosign, ...referrers]);
}

async function cosignOf(
  images: readonly ImageToCopy[],
  gathering: Gathering,
  { cosign = [], on }: GatherOptions,
): Promise<ImageToCopy[]> {
  if (cosign.length === 0) return [];
  const asked = [...new Map(images.map((image) => [image.from, image])).values()];
  const found = await gathering.all(asked, ({ source, root, from }) =>
    during(`Fetching signature for image '${from}'`, async () => {
      const artifacts = await findCosignArtifacts(source, root.digest, cosign, {
        signal: gathering.signal,
        onDenied: (error) =>
          on?.({ type: "warning", message: `no signatures of ${from} are copied: ${messageOf(error)}` }),
      });
      return artifacts.map(
        ({ kind, tag, descriptor }): ImageToCopy => ({
          ...{ kind, source, root: descriptor, tag },
          from: besides(from, descriptor.digest),
          foundBy: "artifact",
          origin: "",
        }),
      );
    }),
  );
  return oncePerTag(found.flat(), on);
}

/** An image that lies in two repositories may be signed differently in each; there is one tag for both. */
function oncePerTag(artifacts: readonly ImageToCopy[], on: GatherOptions["on"]): ImageToCopy[] {
  const byTag = new Map<string, ImageToCopy>();
  for (const artifact of artifacts) {
    const { tag = "" } = artifact;
    const first = byTag.get(tag);
    if (first === undefined) byTag.set(tag, artifact);
    else if (first.root.digest !== artifact.root.digest) {
      on?.({
        type: "warning",
        message: `${tag} is ${first.root.digest} at ${first.source.label} and ${artifact.root.digest} at ${artifact.source.label}; the first is copied`,
      });
    }
  }
  return [...byTag.values()];
}

/** A plan that goes nowhere finds what refers to the images, and what refers to that. */
async function referrersOf(images: readonly ImageToCopy[], options: GatherOptions): Promise<ImageToCopy[]> {
  const nowhere = new MemoryStore("nowhere");
  const planned = await plan(
    images.map(({ source, root }) => ({
      from: source,
      reference: root,
      to: nowhere,
      tags: [],
      referrers: true,
    })),
    options,
  );
  return planned.images.flatMap(({ request, tops }) => {
    const image = images[request];
    if (image === undefined) throw new LadingError("ERR_LADING_USAGE", `no image ${request}`);
    return tops.slice(1).flatMap((top): ImageToCopy[] => {
      const root = planned.nodes[top]?.descriptor;
      if (root === undefined) return [];
      const from = besides(image.from, root.digest);
      return [{ kind: "referrer", source: image.source, root, from, foundBy: "artifact", origin: "" }];
    });
  });
}
