/** What `copy` says of layers that need not be distributed, and were not. */
import type { LeftLayers } from "../bundle/copy/left-layers.ts";
import type { CopySet, ImageToCopy } from "../bundle/copy/model.ts";
import type { TarPlan } from "../bundle/tar/write.ts";
import type { Digest } from "../spec/digest.ts";
import { copyLine } from "./imgpkg/copy-line.ts";
import type { ImgpkgPart } from "./imgpkg/parts.ts";
import { count } from "./units.ts";

export interface ReportBase {
  readonly set: CopySet;
  /** Layers that need not be distributed were asked for. */
  readonly nonDistributable: boolean;
}

interface Skipped {
  readonly image: string;
  readonly layers: readonly Digest[];
}

export function skippedOf(
  left: readonly LeftLayers[],
  nameOf: (image: ImageToCopy) => string,
  { set, nonDistributable }: ReportBase,
): Skipped[] {
  if (nonDistributable) return [];
  return left.flatMap(({ request, layers }) => {
    const image = set.images[request];
    return image === undefined ? [] : [{ image: nameOf(image), layers }];
  });
}

export function skippedInTar(
  { nonDistributable: found }: TarPlan,
  { nonDistributable }: ReportBase,
): readonly Skipped[] {
  return nonDistributable ? [] : found;
}

interface Found {
  readonly hasNonDistributable: boolean;
}

export function inTar({ nonDistributable }: TarPlan): Found {
  return { hasNonDistributable: nonDistributable.length > 0 };
}

const skippedWarning =
  "Warning: Skipped the followings layer(s) due to it being non-distributable. If you would like to include " +
  "non-distributable layers, use the --include-non-distributable-layers flag";
const noneWarning =
  "Warning: '--include-non-distributable-layers' flag provided, but no images contained a non-distributable layer.";

export function skippedParts(skipped: readonly Skipped[], found: Found, report: ReportBase): ImgpkgPart[] {
  if (report.nonDistributable && !found.hasNonDistributable) return [copyLine(noneWarning)];
  if (skipped.length === 0) return [];
  return [
    copyLine(skippedWarning),
    ...skipped.flatMap(({ image, layers }) => [
      copyLine(` - Image: ${image}`),
      copyLine("   Layers:"),
      ...layers.map((layer) => copyLine(`     - ${layer}`)),
    ]),
  ];
}

export function skippedLines(skipped: readonly Skipped[], found: Found, report: ReportBase): string[] {
  if (report.nonDistributable && !found.hasNonDistributable) {
    return ["  no image has layers that need not be distributed"];
  }
  return skipped.map(
    ({ image, layers }) =>
      `  without ${count(layers.length, "layer")} of ${image} that need not be distributed (--include-non-distributable-layers)`,
  );
}
