/** Runs a copy, or only plans it, and says what came of it. */

import { isInternalTag } from "../bundle/documents/names.ts";
import { copy } from "../copy/copy.ts";
import type { CopyPlan } from "../copy/copy-plan.ts";
import type { CopiedImage, CopyResult, Traffic } from "../copy/copy-result.ts";
import { plan } from "../copy/plan.ts";
import type { CopyRequest } from "../copy/request.ts";
import type { Descriptor } from "../spec/descriptor.ts";
import type { Context, Outcome } from "./command.ts";
import type { SinkPlace } from "./places.ts";
import { printable } from "./table.ts";
import { count, formatBytes } from "./units.ts";

/** A request with what the report calls its two ends. */
export interface NamedRequest extends CopyRequest {
  readonly fromName: string;
  readonly place: SinkPlace;
}

/** What the user has asked for, for the first words of lines: `Pushed`, `Would push`. */
export type Verb = "copy" | "push";

export const verbs = {
  copy: { done: "Copied", planned: "Would copy" },
  push: { done: "Pushed", planned: "Would push" },
} as const;

export interface CopyOutcomeOptions {
  readonly plan: boolean;
  readonly verb: Verb;
}

export async function copyOutcome(
  requests: readonly NamedRequest[],
  options: CopyOutcomeOptions,
  context: Context,
): Promise<Outcome> {
  const settings = {
    on: context.on,
    signal: context.signal,
    ...(context.concurrency === undefined ? {} : { concurrency: context.concurrency }),
  };
  if (options.plan) return planOutcome(await plan(requests, settings), requests, options.verb);
  const result = await copy(requests, settings);
  return {
    data: resultData(result, requests),
    text: [
      ...result.images.flatMap((image) => imageLines(image, requests, options.verb)),
      `${trafficText(result)}`,
    ].join("\n"),
    quiet: result.images.map((image) => pinned(requests[image.request], image.root)).join("\n"),
  };
}

function imageLines(image: CopiedImage, requests: readonly NamedRequest[], verb: Verb): string[] {
  const request = requests[image.request];
  const tags = tagsText(image.tags);
  const referrers = image.referrers === 0 ? "" : ` with ${count(image.referrers, "referrer")}`;
  return [
    `${verbs[verb].done} ${printable(request?.fromName ?? image.from)}${referrers}${tags}`,
    `  to ${pinned(request, image.root)}`,
  ];
}

/** The tags that people use; those that bundles leave are in the JSON. */
export function tagsText(tags: readonly string[]): string {
  const shown = tags.filter((tag) => !isInternalTag(tag));
  return shown.length === 0 ? "" : ` as ${shown.join(", ")}`;
}

/** The image at its destination by digest: what a script takes on. */
function pinned(request: NamedRequest | undefined, root: Descriptor): string {
  return request?.place.nameOf(root.digest) ?? root.digest;
}

function resultData(result: CopyResult, requests: readonly NamedRequest[]): unknown {
  return {
    images: result.images.map((image) => {
      const { root, tags, referrers, moved, mounted, present } = image;
      const request = requests[image.request];
      return {
        from: request?.fromName ?? image.from,
        to: pinned(request, root),
        digest: root.digest,
        mediaType: root.mediaType,
        ...{ tags, referrers, moved, mounted, present },
      };
    }),
    ...{ moved: result.moved, mounted: result.mounted, present: result.present },
  };
}

export function trafficText({ moved, mounted, present }: Traffic): string {
  const parts = [`moved ${moved.nodes} (${formatBytes(moved.bytes)})`];
  if (mounted.nodes > 0) parts.push(`mounted ${mounted.nodes} (${formatBytes(mounted.bytes)})`);
  if (present.nodes > 0) parts.push(`${present.nodes} there already (${formatBytes(present.bytes)})`);
  return `  ${parts.join(", ")}`;
}

function planOutcome(planned: CopyPlan, requests: readonly NamedRequest[], verb: Verb): Outcome {
  const images = planned.images.map((image) => {
    const request = requests[image.request];
    const tags = tagsText(image.tags.map(({ name }) => name));
    const left = image.leftOut === 0 ? "" : `, leaving out ${count(image.leftOut, "image")} of the index`;
    return `${verbs[verb].planned} ${printable(request?.fromName ?? image.from)}${tags}\n  to ${pinned(request, image.root)}${left}`;
  });
  return { data: planned, text: [...images, ...plannedNodeLines(planned), plannedSum(planned)].join("\n") };
}

/** A line for each node that would move or be mounted. */
export function plannedNodeLines({ nodes }: CopyPlan): string[] {
  return nodes
    .filter(({ action }) => action === "move" || action === "mount")
    .map(
      ({ kind, descriptor, action }) =>
        `  ${action} ${kind} ${descriptor.digest} (${formatBytes(descriptor.size)})`,
    );
}

export function plannedSum({ totals }: CopyPlan): string {
  const sum = [
    `to move ${totals.move.nodes} (${formatBytes(totals.move.bytes)})`,
    ...(totals.mount.nodes > 0
      ? [`to mount ${totals.mount.nodes} (${formatBytes(totals.mount.bytes)})`]
      : []),
    ...(totals.present.nodes > 0
      ? [`${totals.present.nodes} there already (${formatBytes(totals.present.bytes)})`]
      : []),
    ...(totals.absent.nodes > 0 ? [`${totals.absent.nodes} left where they are`] : []),
  ];
  return `  ${sum.join(", ")}`;
}
