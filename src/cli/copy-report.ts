/** What `copy` says when it is done, or planned: data, text, and imgpkg's lines. */

import type { LeftLayers } from "../bundle/copy/left-layers.ts";
import type { CopySet, FoundBy, ImageToCopy } from "../bundle/copy/model.ts";
import type { Relocation, RelocationPlan } from "../bundle/copy/relocate.ts";
import { lockName, pinnedIn } from "../bundle/documents/names.ts";
import type { TarPlan, TarResult } from "../bundle/tar/write.ts";
import type { Descriptor } from "../spec/descriptor.ts";
import type { Digest } from "../spec/digest.ts";
import type { RepositoryLocation } from "../stores/store.ts";
import type { Outcome } from "./command.ts";
import { plannedNodeLines, plannedSum, tagsText, trafficText, type Verb, verbs } from "./copy-outcome.ts";
import type { ImgpkgPart } from "./imgpkg/parts.ts";
import { count, formatBytes, formatGoDuration } from "./units.ts";

interface ReportBase {
  readonly set: CopySet;
  /** Layers that need not be distributed were asked for. */
  readonly nonDistributable: boolean;
}

export interface RelocationReport extends ReportBase {
  readonly to: RepositoryLocation;
  readonly fromTar: boolean;
}

export interface ExportReport extends ReportBase {
  /** As the user wrote it. */
  readonly path: string;
  readonly resume: boolean;
  readonly verb: Verb;
}

export function relocationOutcome(done: Relocation, report: RelocationReport): Outcome {
  const { set, to } = report;
  const pinned = (digest: Digest) => lockName(pinnedIn(to, digest));
  const skipped = skippedOf(done.leftLayers, ({ root }) => pinned(root.digest), report);
  return {
    data: {
      // Field by field: spread out, so many fields would make a hash table of each image.
      images: done.images.map(({ image, root, tags, referrers, moved, mounted, present }) => ({
        kind: image.kind,
        from: image.from,
        foundBy: image.foundBy,
        origin: image.origin === "" ? undefined : image.origin,
        digest: image.root.digest,
        chosenFrom: image.chosenFrom,
        to: pinned(root.digest),
        mediaType: root.mediaType,
        tags,
        referrers,
        moved,
        mounted,
        present,
      })),
      locations: done.locations.map(({ bundle, tag, root }) => ({ bundle, tag, digest: root.digest })),
      skippedLayers: skipped,
      ...{ moved: done.moved, mounted: done.mounted, present: done.present },
    },
    text: [
      ...subjectsOf(set).flatMap((image) => [
        `Copied ${image.name ?? image.from}${tagText(image)}`,
        `  to ${pinned(image.root.digest)}`,
      ]),
      ...companyLines(set),
      ...skippedLines(skipped, done, report),
      trafficText(done),
    ].join("\n"),
    quiet: subjectsOf(set)
      .map(({ root }) => pinned(root.digest))
      .join("\n"),
    imgpkg: [
      ...(report.fromTar ? [] : exportingLines(set)),
      line(`importing ${set.images.length} images...`),
      ...skippedParts(skipped, done, report),
      line("Tagging images"),
    ],
  };
}

export function relocationPlanOutcome(planned: RelocationPlan, report: RelocationReport): Outcome {
  const { set, to } = report;
  const { copy, locations, names, leftLayers } = planned;
  const pinned = (digest: Digest) => lockName(pinnedIn(to, digest));
  const skipped = skippedOf(leftLayers, ({ root }) => pinned(root.digest), report);
  return {
    data: {
      ...copy,
      images: copy.images.map((image) => ({ ...image, ...imageDataAt(set, image.request) })),
      locations,
      names: names.map(({ name, root }) => ({ name, digest: root.digest })),
      skippedLayers: skipped,
    },
    text: [
      ...subjectsOf(set).flatMap((image) => [
        `Would copy ${image.name ?? image.from}${tagText(image)}`,
        `  to ${pinned(image.root.digest)}`,
      ]),
      ...companyLines(set),
      ...plannedNodeLines(copy),
      ...locations.map(({ tag }) => `  then write ${tag}`),
      plannedSum(copy),
    ].join("\n"),
  };
}

export function exportOutcome(done: TarResult, report: ExportReport): Outcome {
  const { set, path, verb } = report;
  const skipped = skippedInTar(done, report);
  const size = formatBytes(done.size);
  return {
    data: {
      ...tarData(done, report),
      skippedLayers: skipped,
    },
    text: [
      ...subjectsOf(set).map((image) => `${verbs[verb].done} ${image.name ?? image.from}${tagText(image)}`),
      `  to ${path} (${size})`,
      ...companyLines(set),
      ...skippedLines(skipped, inTar(done), report),
      tarSum("", done),
    ].join("\n"),
    quiet: path,
    imgpkg: [
      ...exportingLines(set),
      ...(report.resume && done.reused.length > 0
        ? [line(`Going to reuse ${done.reused.length} layers from the tar already in disk`)]
        : []),
      line("writing layers..."),
      ...done.entries.map(({ name, milliseconds }) =>
        line(`done: file '${name}' (${formatGoDuration(milliseconds)})`),
      ),
      ...skippedParts(skipped, inTar(done), report),
    ],
  };
}

export function exportPlanOutcome(planned: TarPlan, report: ExportReport): Outcome {
  const { set, path, verb } = report;
  return {
    data: { ...tarData(planned, report), skippedLayers: skippedInTar(planned, report) },
    text: [
      ...subjectsOf(set).map(
        (image) => `${verbs[verb].planned} ${image.name ?? image.from}${tagText(image)}`,
      ),
      `  to ${path} (${formatBytes(planned.size)})`,
      ...companyLines(set),
      ...planned.layers
        .filter((layer) => !planned.reused.includes(layer))
        .map(({ digest, size }) => `  move blob ${digest} (${formatBytes(size)})`),
      tarSum("to ", planned),
    ].join("\n"),
  };
}

function imageData({ kind, from, origin, foundBy, root, chosenFrom }: ImageToCopy) {
  return {
    ...{ kind, from, foundBy },
    ...(origin === "" ? {} : { origin }),
    digest: root.digest,
    ...(chosenFrom === undefined ? {} : { chosenFrom }),
  };
}

function imageDataAt({ images }: CopySet, request: number): object {
  const image = images[request];
  return image === undefined ? {} : imageData(image);
}

function tarData({ size, layers, reused, leftOut }: TarPlan, { set, path }: ExportReport) {
  const short = (list: readonly Descriptor[]) =>
    list.map(({ digest, size: bytes }) => ({ digest, size: bytes }));
  return {
    tar: path,
    size,
    images: set.images.map((image) => ({
      ...imageData(image),
      mediaType: image.root.mediaType,
      tags: image.tag === undefined ? [] : [image.tag],
    })),
    layers: short(layers),
    reused: short(reused),
    leftOut: short(leftOut),
  };
}

/** What the copy is about: the bundle, or the images that were named. What came along is told in sums. */
function subjectsOf({ subject, images }: CopySet): readonly ImageToCopy[] {
  if (subject.kind !== "bundle") return images.filter(({ foundBy }) => foundBy !== "artifact");
  const root = images.find(
    ({ root: { digest }, tag, kind }) =>
      kind === "bundle" && digest === subject.digest && tag === subject.tag,
  );
  return root === undefined ? [] : [root];
}

function tagText({ tag }: ImageToCopy): string {
  return tagsText(tag === undefined ? [] : [tag]);
}

const foundTexts: Readonly<Partial<Record<FoundBy, string>>> = {
  locations: "where a locations image says",
  "bundle repository": "beside the bundle",
  origin: "at the origin",
};

/** `  with 2 bundles, 12 images and 3 signatures: 12 found beside the bundle, 2 at the origin`. */
function companyLines(set: CopySet): string[] {
  const subjects = new Set(subjectsOf(set));
  const others = set.images.filter((image) => !subjects.has(image));
  if (others.length === 0) return [];
  const of = (...kinds: readonly ImageToCopy["kind"][]) =>
    others.filter(({ kind }) => kinds.includes(kind)).length;
  const kinds = [
    [of("bundle"), "bundle"],
    [of("image"), "image"],
    [of("sig"), "signature"],
    [of("att"), "attestation"],
    [of("sbom"), "SBOM"],
    [of("referrer"), "referrer"],
  ] as const;
  const sums = kinds.flatMap(([n, one]) => (n === 0 ? [] : [count(n, one)]));
  const ways = Object.entries(foundTexts).flatMap(([way, text]) => {
    const n = others.filter(({ foundBy }) => foundBy === way).length;
    return n === 0 ? [] : [`${n} found ${text}`];
  });
  return [`  with ${sums.join(", ")}${ways.length === 0 ? "" : `: ${ways.join(", ")}`}`];
}

interface Skipped {
  readonly image: string;
  readonly layers: readonly Digest[];
}

function skippedOf(
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

function skippedInTar(
  { nonDistributable: found }: TarPlan,
  { nonDistributable }: ExportReport,
): readonly Skipped[] {
  return nonDistributable ? [] : found;
}

interface Found {
  readonly hasNonDistributable: boolean;
}

function inTar({ nonDistributable }: TarPlan): Found {
  return { hasNonDistributable: nonDistributable.length > 0 };
}

const skippedWarning =
  "Warning: Skipped the followings layer(s) due to it being non-distributable. If you would like to include " +
  "non-distributable layers, use the --include-non-distributable-layers flag";
const noneWarning =
  "Warning: '--include-non-distributable-layers' flag provided, but no images contained a non-distributable layer.";

function skippedParts(skipped: readonly Skipped[], found: Found, report: ReportBase): ImgpkgPart[] {
  if (report.nonDistributable && !found.hasNonDistributable) return [line(noneWarning)];
  if (skipped.length === 0) return [];
  return [
    line(skippedWarning),
    ...skipped.flatMap(({ image, layers }) => [
      line(` - Image: ${image}`),
      line("   Layers:"),
      ...layers.map((layer) => line(`     - ${layer}`)),
    ]),
  ];
}

function skippedLines(skipped: readonly Skipped[], found: Found, report: ReportBase): string[] {
  if (report.nonDistributable && !found.hasNonDistributable) {
    return ["  no image has layers that need not be distributed"];
  }
  return skipped.map(
    ({ image, layers }) =>
      `  without ${count(layers.length, "layer")} of ${image} that need not be distributed (--include-non-distributable-layers)`,
  );
}

function exportingLines({ images }: CopySet): ImgpkgPart[] {
  return [
    line(`exporting ${images.length} images...`),
    ...images.map(({ from }) => line(`will export ${from}`)),
    line(`exported ${images.length} images`),
  ];
}

function line(text: string): ImgpkgPart {
  return { kind: "line", text: `copy | ${text}` };
}

function tarSum(to: string, { layers, reused, leftOut }: TarPlan): string {
  const bytes = (list: readonly Descriptor[]) => formatBytes(list.reduce((sum, { size }) => sum + size, 0));
  const moved = layers.filter((layer) => !reused.includes(layer));
  const parts = [`${to === "" ? "moved" : "to move"} ${count(moved.length, "layer")} (${bytes(moved)})`];
  if (reused.length > 0) parts.push(`${reused.length} there already (${bytes(reused)})`);
  if (leftOut.length > 0) parts.push(`${leftOut.length} left out (${bytes(leftOut)})`);
  return `  ${parts.join(", ")}`;
}
