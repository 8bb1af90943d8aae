import { planBundlePull } from "../../bundle/pull/plan-bundle.ts";
import { pullBundle } from "../../bundle/pull/pull-bundle.ts";
import { pullImage, selectPlainImage } from "../../bundle/pull/pull-image.ts";
import { LadingError } from "../../errors.ts";
import { parsePlatform } from "../../spec/platform.ts";
import type { Context, OptionsOf, Outcome } from "../command.ts";
import { checkOutputFolder } from "../output-folder.ts";
import { Places } from "../places.ts";
import { plannedBundle, plannedImage, pulledBundle, pulledImage } from "../pull-outcome.ts";
import { openPullSource, type PullSource } from "../pull-source.ts";
import type { pullSpec } from "../tree/pull.ts";

type Options = OptionsOf<typeof pullSpec>;

export async function run(options: Options, context: Context): Promise<Outcome> {
  const target = await checkOutputFolder(options.output, context.environment);
  checkSources(options);
  await using places = new Places(options, context);
  const source = await openPullSource(options, places, context);
  return source.kind === "bundle"
    ? await runBundle(source, target, options, context)
    : await runImage(source, target, options, context);
}

async function runBundle(
  { root, repositories }: PullSource & { readonly kind: "bundle" },
  target: string,
  options: Options,
  { on, signal, concurrency }: Context,
): Promise<Outcome> {
  if (options.platform) throw usage("--platform is for images: a bundle is for every platform");
  const settings = {
    recursive: options.recursive,
    signal,
    ...(concurrency === undefined ? {} : { concurrency }),
  };
  if (options.plan) return plannedBundle(await planBundlePull(root, repositories, settings), options.output);
  const done = await pullBundle(root, repositories, target, { ...settings, on });
  return pulledBundle(done, options.output);
}

async function runImage(
  { source, descriptor, nameOf, imgpkgNameOf }: PullSource & { readonly kind: "image" },
  target: string,
  { output, plan, platform, recursive, imageIsBundleCheck }: Options,
  { on, signal }: Context,
): Promise<Outcome> {
  if (recursive) throw usage("--recursive (-r) is for bundles, and the tar holds an image");
  const selected = await selectPlainImage(source, descriptor, {
    signal,
    bundleCheck: imageIsBundleCheck,
    ...(platform === undefined ? {} : { platform: parsePlatform(platform) }),
  });
  const { digest } = selected.descriptor;
  const { manifest } = selected;
  const image = { name: nameOf(digest), imgpkgName: imgpkgNameOf(digest), digest, manifest };
  if (plan) return plannedImage(image, output);
  return pulledImage(image, output, await pullImage(source, selected, target, { on, signal }));
}

/** In imgpkg's order and words. */
function checkSources({ bundle, image, lock, tar, recursive, imageIsBundleCheck }: Options): void {
  const given = [bundle, image, lock, tar].filter(Boolean).length;
  if (given === 0) throw usage("Expected either image or bundle reference");
  if (given > 1) throw usage("Expected only one of image, bundle, or lock");
  if (image && recursive) throw usage("Cannot use --recursive (-r) flag when pulling a bundle");
  if (bundle && !imageIsBundleCheck) throw usage("Cannot set --image-is-bundle-check while using -b flag");
}

function usage(message: string): LadingError {
  return new LadingError("ERR_LADING_USAGE", message);
}
