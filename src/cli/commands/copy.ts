import { resolve } from "node:path";
import { cosignKinds } from "../../bundle/artifacts/cosign.ts";
import { exportToTar, planExport } from "../../bundle/copy/export.ts";
import { lockOutput } from "../../bundle/copy/lock-output.ts";
import type { GatherOptions } from "../../bundle/copy/model.ts";
import { planRelocation, type RelocateOptions, relocate } from "../../bundle/copy/relocate.ts";
import { during } from "../../bundle/steps.ts";
import { type BundleTar, openTar } from "../../bundle/tar/open.ts";
import { LadingError } from "../../errors.ts";
import { parsePlatform } from "../../spec/platform.ts";
import { parseReference, type Reference } from "../../spec/reference.ts";
import type { Store } from "../../stores/store.ts";
import type { Context, OptionsOf, Outcome } from "../command.ts";
import {
  exportOutcome,
  exportPlanOutcome,
  relocationOutcome,
  relocationPlanOutcome,
} from "../copy-report.ts";
import { gatherSource, type SourceOptions } from "../copy-sources.ts";
import { checkLockOutput, lockOutputAt, writeLockOutput } from "../lock-output.ts";
import { Places } from "../places.ts";
import type { copySpec } from "../tree/copy.ts";

type Options = OptionsOf<typeof copySpec>;

/** As many things at once as imgpkg does. */
const defaultConcurrency = 5;

export async function run(options: Options, context: Context): Promise<Outcome> {
  checkEnds(options);
  await using places = new Places(options, context);
  await places.prepare();
  checkCombinations(options);
  const call = {
    on: context.on,
    signal: context.signal,
    concurrency: context.concurrency ?? defaultConcurrency,
  };
  return options.toRepo
    ? await copyToRepository(options.toRepo, options, places, context, call)
    : await copyToTar(options.toTar ?? "", options, places, context, call);
}

type Call = Required<Pick<GatherOptions, "on" | "signal" | "concurrency">>;

async function copyToRepository(
  text: string,
  options: Options,
  places: Places,
  context: Context,
  call: Call,
): Promise<Outcome> {
  const reference = await during("Building import repository ref", () => repositoryOf(text));
  const to: Store = (await places.client(reference.registry)).repository(reference);
  const set = await gatherSource(sourceOf(options), {
    places,
    context,
    to,
    gather: gatherOptions(options, call),
  });
  const settings: RelocateOptions = {
    ...call,
    tempDir: context.environment.tempDir,
    repositoryBasedTags: options.repoBasedTags,
    nonDistributable: options.includeNonDistributableLayers,
    referrers: options.referrers,
  };
  const report = {
    set,
    to: reference,
    fromTar: Boolean(options.tar),
    nonDistributable: options.includeNonDistributableLayers,
  };
  // Nothing is moved for a lock that cannot be written.
  const lock = options.lockOutput ? lockOutput(set, reference) : undefined;
  const file = lockOutputAt(
    options.lockOutput ?? "",
    set.subject.kind === "bundle" ? "bundle" : "images",
    context,
  );
  if (lock !== undefined) await checkLockOutput(file);
  if (options.plan) return relocationPlanOutcome(await planRelocation(set, to, settings), report);
  const done = await relocate(set, to, settings);
  if (lock !== undefined) await writeLockOutput(file, lock);
  return relocationOutcome(done, report);
}

async function copyToTar(
  file: string,
  options: Options,
  places: Places,
  context: Context,
  call: Call,
): Promise<Outcome> {
  const path = resolve(context.environment.cwd, file);
  const gather = { ...gatherOptions(options, call), referrers: options.referrers };
  const set = await gatherSource(sourceOf(options), { places, context, gather });
  await using since = await openTars(options.since, context);
  const settings = {
    ...call,
    resume: options.resume,
    nonDistributable: options.includeNonDistributableLayers,
    since: since.tars,
    known: await repositoriesOf(options.known, places),
  };
  const report = {
    set,
    path: file,
    resume: options.resume,
    nonDistributable: options.includeNonDistributableLayers,
    verb: "copy",
  } as const;
  return options.plan
    ? exportPlanOutcome(await planExport(set, path, settings), report)
    : exportOutcome(await exportToTar(set, path, settings), report);
}

/** Exactly one source and one destination. An empty value is none, as for imgpkg. */
function checkEnds({ bundle, image, lock, tar, toRepo, toTar }: Options): void {
  if ([bundle, image, lock, tar].filter(Boolean).length !== 1) {
    throw usage("Expected either --lock, --bundle (-b), --image (-i), or --tar as a source");
  }
  if (Boolean(toRepo) === Boolean(toTar)) throw usage("Expected either --to-tar or --to-repo");
}

function checkCombinations(options: Options): void {
  const { image, tar, toTar, lockOutput: lock, resume, since, known, ignoreBundleCheck } = options;
  if (tar && toTar) throw usage("Cannot use tar source (--tar) with tar destination (--to-tar)");
  if (toTar && lock) throw usage("Cannot output lock file with tar destination");
  if (resume && !toTar) throw usage("Flag --resume can only be used when copying to tar");
  if (!toTar && since.length + known.length > 0) {
    throw usage("Flags --since and --known can only be used when copying to tar");
  }
  if (ignoreBundleCheck && !image)
    throw usage("Flag --ignore-bundle-check can only be used with --image (-i)");
}

function usage(message: string): LadingError {
  return new LadingError("ERR_LADING_USAGE", message);
}

function sourceOf({ bundle, image, lock, tar, ignoreBundleCheck }: Options): SourceOptions {
  return { bundle, image, lock, tar, ignoreBundleCheck };
}

function gatherOptions({ cosignSignatures, cosignArtifacts, platform }: Options, call: Call): GatherOptions {
  return {
    ...call,
    cosign: cosignArtifacts ? cosignKinds : cosignSignatures ? ["sig"] : [],
    platforms: platform.map(parsePlatform),
  };
}

/** The repository to copy to: what goes there keeps its tags, so that none can be named. */
function repositoryOf(text: string): Reference {
  const reference = parseReference(text);
  if (reference.tag !== undefined || reference.digest !== undefined) {
    const path = text.slice(text.indexOf("/") + 1);
    throw usage(
      `repository can only contain the characters \`abcdefghijklmnopqrstuvwxyz0123456789_-./\`: ${path}`,
    );
  }
  return reference;
}

async function openTars(
  files: readonly string[],
  { environment, signal }: Context,
): Promise<AsyncDisposable & { readonly tars: readonly BundleTar[] }> {
  const tars: BundleTar[] = [];
  const close = async (): Promise<void> => {
    for (const tar of tars) await tar[Symbol.asyncDispose]();
  };
  try {
    for (const file of files) tars.push(await openTar(resolve(environment.cwd, file), { signal }));
  } catch (error) {
    await close();
    throw error;
  }
  return { tars, [Symbol.asyncDispose]: close };
}

async function repositoriesOf(texts: readonly string[], places: Places): Promise<Store[]> {
  const stores: Store[] = [];
  for (const text of texts) {
    const reference = parseReference(text);
    stores.push((await places.client(reference.registry)).repository(reference));
  }
  return stores;
}
