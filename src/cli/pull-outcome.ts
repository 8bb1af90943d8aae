/** What a pull says of itself: as data, as text, and in imgpkg's words. */

import { lockName, lockRepositoryName } from "../bundle/documents/names.ts";
import type { BundlePullPlan, BundleToPull } from "../bundle/pull/plan-bundle.ts";
import type { BundlePull, PulledBundle } from "../bundle/pull/pull-bundle.ts";
import type { UnpackResult } from "../image/unpack/options.ts";
import type { Digest } from "../spec/digest.ts";
import type { ImageManifest } from "../spec/manifest.ts";
import type { Outcome } from "./command.ts";
import type { ImgpkgPart } from "./imgpkg/parts.ts";
import { count, formatBytes } from "./units.ts";

/** An image that is pulled as it is. */
export interface NamedImage {
  /** As the user may write it again, by digest. */
  readonly name: string;
  /** As imgpkg writes it. */
  readonly imgpkgName: string;
  readonly digest: Digest;
  readonly manifest: ImageManifest;
}

export function plannedImage({ name, digest, manifest }: NamedImage, output: string): Outcome {
  const { layers } = manifest;
  return {
    data: { image: name, digest, output, layers, bytes: bytesOf(manifest) },
    text: `Would pull ${name}\n  into ${output}: ${sizeText(manifest)}`,
  };
}

export function pulledImage(image: NamedImage, output: string, result: UnpackResult): Outcome {
  const { name, imgpkgName, digest, manifest } = image;
  return {
    data: { image: name, digest, output, ...result },
    text: `Pulled ${name}\n  into ${output}: ${filesText(result)}`,
    quiet: name,
    imgpkg: [line(`Pulling image '${imgpkgName}'`), ...layerLines(manifest, 0)],
  };
}

export function plannedBundle({ root, nested }: BundlePullPlan, output: string): Outcome {
  const dataOf = (bundle: BundleToPull) => {
    const { manifest, relocation } = bundle;
    const { layers } = manifest;
    return { ...nameData(bundle, output), layers, bytes: bytesOf(manifest), lock: lockData(relocation) };
  };
  return {
    data: { ...dataOf(root), nested: nested.map(dataOf) },
    text: [root, ...nested]
      .flatMap((bundle) => [
        `Would pull ${lockName(bundle.reference)}`,
        `  into ${folderOf(bundle, output)}: ${sizeText(bundle.manifest)}`,
        `  ${lockText(bundle)}`,
      ])
      .join("\n"),
  };
}

export function pulledBundle({ plan, pulled }: BundlePull, output: string): Outcome {
  const dataOf = ({ bundle, unpacked }: PulledBundle) => ({
    ...nameData(bundle, output),
    ...unpacked,
    lock: lockData(bundle.relocation),
  });
  const [root, ...nested] = pulled.map(dataOf);
  return {
    data: { ...root, nested },
    text: pulled
      .flatMap(({ bundle, unpacked }) => [
        `Pulled ${lockName(bundle.reference)}`,
        `  into ${folderOf(bundle, output)}: ${filesText(unpacked)}`,
        `  ${lockText(bundle)}`,
      ])
      .join("\n"),
    quiet: lockName(plan.root.reference),
    imgpkg: bundleLines(plan),
  };
}

function nameData(bundle: BundleToPull, output: string) {
  const { reference, descriptor } = bundle;
  return { image: lockName(reference), digest: descriptor.digest, output: folderOf(bundle, output) };
}

function lockData(relocation: BundleToPull["relocation"]) {
  if (relocation.rewritten) return { rewritten: true, because: relocation.by };
  const { because, missing } = relocation;
  return { rewritten: false, because, ...(missing === undefined ? {} : { missing: missing.image }) };
}

function lockText({ reference, lock, relocation }: BundleToPull): string {
  const images = count(lock.images.length, "image");
  if (!relocation.rewritten) {
    const { missing } = relocation;
    const why =
      missing === undefined
        ? "the bundle comes from no registry"
        : `${missing.image} is not in ${lockRepositoryName(reference)}`;
    return `lock of ${images} left as it is: ${why}`;
  }
  return relocation.by === "locations"
    ? `lock of ${images} rewritten to where the locations image says`
    : `lock of ${images} rewritten to ${lockRepositoryName(reference)}, where all of them are`;
}

function folderOf({ at }: BundleToPull, output: string): string {
  return at === "" ? output : `${output.replace(/\/+$/, "")}/${at}`;
}

function bytesOf({ layers }: ImageManifest): number {
  return layers.reduce((sum, layer) => sum + layer.size, 0);
}

function sizeText(manifest: ImageManifest): string {
  return `${count(manifest.layers.length, "layer")}, ${formatBytes(bytesOf(manifest))}`;
}

function filesText({ files, bytes }: UnpackResult): string {
  return `${count(files, "file")}, ${formatBytes(bytes)}`;
}

function bundleLines({ root, nested, visits }: BundlePullPlan): ImgpkgPart[] {
  const lines: ImgpkgPart[] = [];
  for (const { bundle, depth, again } of visits) {
    const indent = "  ".repeat(depth);
    if (bundle === nested[0] && !again) lines.push(line(""), line("Nested bundles"));
    const what = depth === 0 ? "bundle" : "nested bundle";
    lines.push(line(`${indent}Pulling ${what} '${lockName(bundle.reference)}'`));
    if (again) lines.push(line(`${indent}Skipped, already downloaded`));
    else lines.push(...layerLines(bundle.manifest, depth + 1));
  }
  const found = root.relocation.rewritten
    ? `The bundle repo (${lockRepositoryName(root.reference)}) is hosting every image specified in the bundle's Images Lock file (.imgpkg/images.yml)`
    : "One or more images not found in bundle repo; skipping lock file update";
  return [...lines, line(""), line("Locating image lock file images..."), line(found)];
}

function layerLines({ layers }: ImageManifest, depth: number): ImgpkgPart[] {
  const indent = "  ".repeat(depth);
  return layers.map(({ digest }, i) =>
    line(`${indent}Extracting layer '${digest}' (${i + 1}/${layers.length})`),
  );
}

function line(text: string): ImgpkgPart {
  return { kind: "line", text };
}
