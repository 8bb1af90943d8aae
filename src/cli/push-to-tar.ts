/** `push --to-tar`: a bundle or an image straight into a tar, for where no registry can be reached. */
import { resolve } from "node:path";
import { exportToTar, planExport } from "../bundle/copy/export.ts";
import { gatherBundle } from "../bundle/copy/gather-bundle.ts";
import { gatherImages } from "../bundle/copy/gather-images.ts";
import type { CopySet, GatherOptions } from "../bundle/copy/model.ts";
import { lockName } from "../bundle/documents/names.ts";
import type { PackedImage } from "../bundle/push/pack.ts";
import { UnpushedImage } from "../bundle/push/unpushed.ts";
import { formatReference, type Reference, withDigest } from "../spec/reference.ts";
import type { Context, Outcome } from "./command.ts";
import { exportOutcome, exportPlanOutcome } from "./copy-report.ts";
import type { Places } from "./places.ts";

export interface PushToTarOptions {
  /** What the image is called in the tar, and where a bundle's own repository is. */
  readonly reference: Reference;
  readonly isBundle: boolean;
  /** As the user wrote it. */
  readonly file: string;
  readonly plan: boolean;
}

/** A bundle takes along what its lock names, from where that is. */
export async function pushToTar(
  packed: PackedImage,
  options: PushToTarOptions,
  places: Places,
  context: Context,
): Promise<Outcome> {
  const call = {
    on: context.on,
    signal: context.signal,
    ...(context.concurrency === undefined ? {} : { concurrency: context.concurrency }),
  };
  const set = await gather(packed, options, places, call);
  const path = resolve(context.environment.cwd, options.file);
  const report = { set, path: options.file, resume: false, nonDistributable: false, verb: "push" } as const;
  return options.plan
    ? exportPlanOutcome(await planExport(set, path, call), report)
    : exportOutcome(await exportToTar(set, path, call), report);
}

async function gather(
  { image, lock }: PackedImage,
  { reference, isBundle }: PushToTarOptions,
  places: Places,
  call: GatherOptions,
): Promise<CopySet> {
  const repository = (await places.client(reference.registry)).repository(reference);
  const source = new UnpushedImage(image, repository, reference, lock);
  const tag = reference.tag ?? "latest";
  if (isBundle) {
    const named = { reference, source, descriptor: image.root, tag };
    return gatherBundle(named, places.repositories(), call);
  }
  const named = { source, reference: image.root.digest, name: formatReference(reference), tag };
  return gatherImages([{ ...named, nameOf: (digest) => lockName(withDigest(reference, digest)) }], call);
}
