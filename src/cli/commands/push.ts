import { resolve } from "node:path";
import { formatBundleLock } from "../../bundle/documents/bundle-lock.ts";
import { lockName } from "../../bundle/documents/names.ts";
import { checkLabels, type PackedImage, packBundle, packImage } from "../../bundle/push/pack.ts";
import { lockFor, pushRequest } from "../../bundle/push/push.ts";
import { during } from "../../bundle/steps.ts";
import { LadingError } from "../../errors.ts";
import { parsePlatform } from "../../spec/platform.ts";
import { isTag, parseReference } from "../../spec/reference.ts";
import { parsePlace } from "../../stores/place.ts";
import type { Context, OptionsOf, Outcome } from "../command.ts";
import { parseBundleCompression } from "../compression.ts";
import { copyOutcome } from "../copy-outcome.ts";
import type { ImgpkgPart } from "../imgpkg/parts.ts";
import { parseLabels } from "../labels.ts";
import { checkLockOutput, lockOutputAt, writeLockOutput } from "../lock-output.ts";
import { Places, type SinkPlace } from "../places.ts";
import { pushToTar } from "../push-to-tar.ts";
import type { pushSpec } from "../tree/push.ts";

type Options = OptionsOf<typeof pushSpec>;

export async function run(options: Options, context: Context): Promise<Outcome> {
  const labels = parseLabels(options.labels);
  const compression = parseBundleCompression(options.compression);
  const platform = options.platform === undefined ? undefined : parsePlatform(options.platform);
  const tags = options.tag.map(checkedTag);
  await using places = new Places(options, context);
  await places.prepare();
  checkLabels(labels);
  const { isBundle, reference } = whatToPush(options);
  const place = await during(`Parsing '${reference}'`, () => {
    checkPlace(options, reference);
    return places.sink(reference, options);
  });

  const lock = lockOutputAt(options.lockOutput ?? "", "bundle", context);
  if (options.lockOutput) await checkLockOutput(lock);
  if (options.file.length === 0) warnOfNothing(isBundle, context);
  const exclude = exclusions(options, context);
  const files = options.file.map((shown) => ({
    path: resolve(context.environment.cwd, shown),
    ...{ shown, exclude },
  }));
  await using packed = await (isBundle ? packBundle : packImage)(files, {
    ...{ labels, compression },
    ...(platform === undefined ? {} : { platform }),
    preservePermissions: options.preservePermissions,
    tempDir: context.environment.tempDir,
    on: context.on,
    signal: context.signal,
  });
  if (options.toTar) {
    const named = { isBundle, reference: parseReference(reference) };
    const outcome = await pushToTar(
      packed,
      { ...named, file: options.toTar, plan: options.plan },
      places,
      context,
    );
    return { ...outcome, imgpkg: [...fileLines(packed), ...(outcome.imgpkg ?? [])] };
  }
  const to = { sink: place.sink, tag: place.tag, tags };
  const request = { ...pushRequest(packed, to), fromName: packed.image.label, place };
  const outcome = await copyOutcome([request], { plan: options.plan, verb: "push" }, context);
  if (options.plan) return outcome;
  const written = options.lockOutput ? lockFor(packed, to) : undefined;
  if (written !== undefined) await writeLockOutput(lock, formatBundleLock(written));
  return { ...outcome, imgpkg: [...fileLines(packed), pushedText(packed, place)] };
}

/** In imgpkg's order, with its sentences. */
function whatToPush({ bundle, image, lockOutput }: Options): {
  readonly isBundle: boolean;
  readonly reference: string;
} {
  // An empty value is none, as for imgpkg.
  if (bundle && image) throw usage("Expected only one of image or bundle");
  if (bundle) return { isBundle: true, reference: bundle };
  if (!image) throw usage("Expected either image or bundle");
  if (lockOutput) {
    throw usage("Lock output is not compatible with image, use bundle for lock output");
  }
  return { isBundle: false, reference: image };
}

/** Locks and imgpkg's tars name images in registries. */
function checkPlace({ lockOutput, toTar, tag }: Options, reference: string): void {
  if (toTar && lockOutput) throw usage("Cannot output lock file with tar destination");
  if (toTar && tag.length > 0) throw usage("Flag --tag cannot be used when pushing to tar");
  if (!(toTar || lockOutput) || parsePlace(reference).kind === "registry") return;
  const what = toTar ? "a tar" : "a lock";
  throw new LadingError("ERR_LADING_USAGE", `${what} names a registry, and ${reference} is none`, {
    hint: "write host/repo:tag",
  });
}

function usage(message: string): LadingError {
  return new LadingError("ERR_LADING_USAGE", message);
}

/** A bundle without files is refused; an image without files takes the tag from a good one. */
function warnOfNothing(isBundle: boolean, context: Context): void {
  if (isBundle) return;
  context.on({
    type: "warning",
    message: "the image is empty: no files were named",
    hint: "name a folder or a file with -f",
  });
}

function exclusions({ fileExclusion, fileExcludeDefaults }: Options, context: Context): readonly string[] {
  if (fileExcludeDefaults.length === 0) return fileExclusion;
  context.say("Flag --file-exclude-defaults has been deprecated, use --file-exclusion instead");
  return fileExcludeDefaults;
}

function checkedTag(text: string): string {
  if (isTag(text)) return text;
  throw new LadingError("ERR_LADING_REFERENCE", `not a tag: '${text}'`, {
    hint: "a tag has letters, digits, '_', '.' and '-', at most 128 of them",
  });
}

function fileLines({ entries }: PackedImage): ImgpkgPart[] {
  return entries.map(({ type, name }) => {
    return { kind: "line", text: `${type === "directory" ? "dir" : "file"}: ${name}` };
  });
}

function pushedText({ image }: PackedImage, { sink, nameOf }: SinkPlace): ImgpkgPart {
  const { digest } = image.root;
  const name = sink.location === undefined ? nameOf(digest) : lockName({ ...sink.location, digest });
  return { kind: "text", text: `Pushed '${name}'` };
}
