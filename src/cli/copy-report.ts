/** What `copy` says when it is done, or planned: data, text, and imgpkg's lines. */

import type { CopySet, FoundBy, ImageToCopy } from "../bundle/copy/model.ts";
import type { Relocation, RelocationPlan } from "../bundle/copy/relocate.ts";
import { lockName, pinnedIn } from "../bundle/documents/names.ts";
import type { TarPlan, TarResult } from "../bundle/tar/write.ts";
import type { Descriptor } from "../spec/descriptor.ts";
import type { Digest } from "../spec/digest.ts";
import type { RepositoryLocation } from "../stores/store.ts";
import type { Outcome } from "./command.ts";
import { plannedNodeLines, plannedSum, tagsText, trafficText, type Verb, verbs } from "./copy-outcome.ts";
import { copyLine } from "./imgpkg/copy-line.ts";
import type { ImgpkgPart } from "./imgpkg/parts.ts";
import {
  inTar,
  type ReportBase,
  skippedInTar,
  skippedLines,
  skippedOf,
  skippedParts,
} from "./skipped-layers.ts";
import { printable } from "./table.ts";
import { count, formatBytes, formatGoDuration } from "./units.ts";

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
        `Copied ${shownName(image)}${tagText(image)}`,
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
      copyLine(`importing ${set.images.length} images...`),
      ...skippedParts(skipped, done, report),
      copyLine("Tagging images"),
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
        `Would copy ${shownName(image)}${tagText(image)}`,
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
      ...subjectsOf(set).map((image) => `${verbs[verb].done} ${shownName(image)}${tagText(image)}`),
      `  to ${path} (${size})`,
      ...companyLines(set),
      ...skippedLines(skipped, inTar(done), report),
      tarSum("", done),
    ].join("\n"),
    quiet: path,
    imgpkg: [
      ...exportingLines(set),
      ...(report.resume && done.reused.length > 0
        ? [copyLine(`Going to reuse ${done.reused.length} layers from the tar already in disk`)]
        : []),
      copyLine("writing layers..."),
      ...done.entries.map(({ name, milliseconds }) =>
        copyLine(`done: file '${name}' (${formatGoDuration(milliseconds)})`),
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
      ...subjectsOf(set).map((image) => `${verbs[verb].planned} ${shownName(image)}${tagText(image)}`),
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

/** Archives call their images as they like. */
function shownName({ name, from }: ImageToCopy): string {
  return printable(name ?? from);
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

function exportingLines({ images }: CopySet): ImgpkgPart[] {
  return [
    copyLine(`exporting ${images.length} images...`),
    ...images.map(({ from }) => copyLine(`will export ${from}`)),
    copyLine(`exported ${images.length} images`),
  ];
}

function tarSum(to: string, { layers, reused, leftOut }: TarPlan): string {
  const bytes = (list: readonly Descriptor[]) => formatBytes(list.reduce((sum, { size }) => sum + size, 0));
  const moved = layers.filter((layer) => !reused.includes(layer));
  const parts = [`${to === "" ? "moved" : "to move"} ${count(moved.length, "layer")} (${bytes(moved)})`];
  if (reused.length > 0) parts.push(`${reused.length} there already (${bytes(reused)})`);
  if (leftOut.length > 0) parts.push(`${leftOut.length} left out (${bytes(leftOut)})`);
  return `  ${parts.join(", ")}`;
}
