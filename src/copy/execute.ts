import { type Body, bodyOf } from "../bytes/body.ts";
import { isLadingError, LadingError } from "../errors.ts";
import type { EventListener } from "../events.ts";
import { embeddedBytes } from "../stores/read.ts";
import type { Sink, Source, Written } from "../stores/store.ts";
import type { CopyPlan, PlannedImage, PlannedNode } from "./copy-plan.ts";
import { CopyPartialError, type CopyResult, type Outcome, resultOf } from "./copy-result.ts";
import { errorOf } from "./failure.ts";
import { refusesForMissingChildren, sparseIndexRefused } from "./heal.ts";
import { keptManifest } from "./manifest-reader.ts";
import { type CopyRequest, defaultConcurrency, type ExecuteOptions } from "./request.ts";
import { runSchedule, type Scheduled } from "./schedule.ts";
import { linkedAbort } from "./together.ts";

/** Blobs up to this size, manifests and tags cost round trips rather than bandwidth: more of them run at once. */
const smallBlobBytes = 1024 * 1024;

/**
 * Does what a plan says: biggest blobs first, manifests as soon as their children are there, mounts after the upload
 * they wait for, an image's tags when all of it is there. The first failure stops the others, and is thrown when they
 * have settled. Nothing is committed.
 * @param requests the same requests, in the same order, as were planned
 * @throws LadingError what the stores throw; ERR_LADING_MISSING_CONTENT when a source lacks what its manifest lists
 * @throws CopyPartialError with `keepGoing`, when some requests failed
 */
export async function execute(
  plan: CopyPlan,
  requests: readonly CopyRequest[],
  options: ExecuteOptions = {},
): Promise<CopyResult> {
  options.signal?.throwIfAborted();
  checkRequests(plan, requests);
  return new Execution(plan, requests, options).run();
}

/** A plan names stores by request; with other requests it would write to other places. */
function checkRequests(plan: CopyPlan, requests: readonly CopyRequest[]): void {
  const same =
    plan.images.every(({ request, from }) => requests[request]?.from.label === from) &&
    plan.destinations.every(({ request, label }) => requests[request]?.to.label === label);
  if (!same) throw new LadingError("ERR_LADING_USAGE", "the plan was made for other requests than these");
}

class Execution {
  readonly #plan: CopyPlan;
  readonly #requests: readonly CopyRequest[];
  readonly #keepGoing: boolean;
  readonly #concurrency: number;
  readonly #on: EventListener;
  readonly #signal: AbortSignal;
  readonly #abort: (reason: unknown) => void;
  readonly #outcomes: (Outcome | undefined)[];
  /** Nodes that failed, or whose children did, with the reason. */
  readonly #failed = new Map<number, unknown>();
  readonly #failedImages = new Map<number, unknown>();
  /** Names that a manifest may get along with its bytes: all of its image is there when it is written. */
  readonly #names: ReadonlyMap<number, string>;

  constructor(plan: CopyPlan, requests: readonly CopyRequest[], options: ExecuteOptions) {
    const { signal, abort } = linkedAbort(options.signal);
    this.#plan = plan;
    this.#requests = requests;
    this.#keepGoing = options.keepGoing ?? false;
    this.#concurrency = options.concurrency ?? defaultConcurrency;
    this.#on = options.on ?? (() => {});
    this.#signal = signal;
    this.#abort = abort;
    this.#names = namesAlong(plan);
    this.#outcomes = plan.nodes.map(({ action }) => (action === "present" ? "present" : undefined));
  }

  async run(): Promise<CopyResult> {
    const { totals, images, failures } = this.#plan;
    this.#on({
      type: "planned",
      nodes: totals.nodes - totals.absent.nodes,
      bytes: totals.bytes - totals.absent.bytes,
      presentBytes: totals.present.bytes,
    });
    await runSchedule(this.#tasks(), this.#abort);
    const result = resultOf(this.#plan, this.#outcomes, (image) => !this.#failedImages.has(image));
    const errors = [...failures.map(errorOf), ...this.#failedImages.values()];
    if (errors.length > 0) throw new CopyPartialError(errors, result, images.length + failures.length);
    return result;
  }

  #tasks(): Scheduled[] {
    const { nodes, images } = this.#plan;
    const tasks: Scheduled[] = [];
    const taskOf = new Map<number, number>();
    for (const [i, { action }] of nodes.entries()) {
      if (action === "move" || action === "mount") taskOf.set(i, taskOf.size);
    }
    const tasksOf = (list: readonly number[]): number[] => list.flatMap((i) => taskOf.get(i) ?? []);
    const lanes = this.#plan.destinations.map((_, to) => this.#laneOf(to));
    for (const i of taskOf.keys()) {
      const node = nodes[i];
      const lane = lanes[node?.to ?? 0];
      if (node === undefined || lane === undefined) continue;
      const small = node.kind === "manifest" || node.descriptor.size <= smallBlobBytes;
      const { name, limit, strict } = small ? lane.small : lane.large;
      tasks.push({
        lane: name,
        limit,
        strict,
        // Manifests before small blobs: each may complete an image.
        rank: strict || node.kind === "blob" ? i : i - nodes.length,
        before: tasksOf(node.after === undefined ? node.children : [...node.children, node.after]),
        run: () => this.#runNode(i, node),
      });
    }
    const lastTagging = new Map<number, number>();
    for (const [i, image] of images.entries()) {
      const before = tasksOf(image.tops);
      // Where there is no registry, names are given in the order of the requests: so the result is the same each time.
      const previous = lastTagging.get(image.to);
      if (previous !== undefined && this.#plan.destinations[image.to]?.location === undefined)
        before.push(previous);
      lastTagging.set(image.to, tasks.length);
      const { name, limit, strict } = (lanes[image.to] ?? this.#laneOf(image.to)).small;
      tasks.push({
        lane: name,
        limit,
        strict,
        rank: strict ? nodes.length + i : i - nodes.length - images.length,
        before,
        run: () => this.#runTags(i, image),
      });
    }
    return tasks;
  }

  /** Where work for a destination stands in line: what is small apart, unless the destination keeps an order. */
  #laneOf(to: number): Record<"small" | "large", { name: string; limit: number; strict: boolean }> {
    const destination = this.#plan.destinations[to];
    const registry = destination?.location?.registry;
    const name = registry === undefined ? `store ${to}` : `registry ${registry}`;
    const strict = this.#request(destination?.request).to.ordered === true;
    const large = { name, limit: this.#concurrency, strict };
    return {
      large,
      small: strict ? large : { name: `${name}, small`, limit: 2 * this.#concurrency, strict },
    };
  }

  async #runNode(index: number, node: PlannedNode): Promise<void> {
    this.#signal.throwIfAborted();
    const failedChild = node.children.find((child) => this.#failed.has(child));
    if (failedChild !== undefined) {
      this.#failed.set(index, this.#failed.get(failedChild));
      return;
    }
    try {
      await this.#write(index, node);
    } catch (error) {
      if (!this.#keepGoing || this.#signal.aborted) throw error;
      this.#failed.set(index, error);
    }
  }

  async #write(index: number, node: PlannedNode): Promise<void> {
    let how: Written;
    try {
      how = await this.#send(index, node, node.knownAbsent);
    } catch (error) {
      if (node.kind !== "manifest" || !refusesForMissingChildren(error)) throw error;
      how = await this.#heal(index, node, error);
    }
    this.#finished(index, node, how);
  }

  #finished(index: number, node: PlannedNode, how: Written): void {
    this.#outcomes[index] = how === "written" ? "moved" : how;
    const to = this.#plan.destinations[node.to]?.label ?? "";
    this.#on({ type: "finished", descriptor: node.descriptor, to, how });
  }

  #send(index: number, node: PlannedNode, knownAbsent: boolean): Promise<Written> {
    // Where the upload that a mount waits for has failed, the blob has to be moved itself.
    const mountable = node.after === undefined || !this.#failed.has(node.after);
    const name = this.#names.get(index);
    return this.#sink(node).write(node, this.#body(index, node), {
      signal: this.#signal,
      on: this.#on,
      knownAbsent,
      ...(name === undefined ? {} : { name }),
      ...(node.mountFrom !== undefined && mountable ? { mountFrom: node.mountFrom } : {}),
    });
  }

  /**
   * The sink refused a manifest because something below it is not there, though it was when it was asked, or was written
   * since (a garbage collector, an eventually consistent registry). What is gone is written again, then the manifest.
   */
  async #heal(index: number, node: PlannedNode, refused: LadingError): Promise<Written> {
    this.#on({
      type: "debug",
      message: `${node.descriptor.digest} was refused (${refused.message}); looking for what is missing below it`,
    });
    await this.#restoreBelow(node, new Set([index]));
    try {
      return await this.#send(index, node, true);
    } catch (error) {
      if (refusesForMissingChildren(error) && this.#isSparse(index)) throw sparseIndexRefused(node, error);
      throw error;
    }
  }

  async #restoreBelow(node: PlannedNode, seen: Set<number>): Promise<void> {
    for (const index of node.children) {
      const child = this.#plan.nodes[index];
      if (child === undefined || child.action === "absent" || seen.has(index)) continue;
      seen.add(index);
      if (await this.#sink(child).has(child, { signal: this.#signal })) continue;
      await this.#restoreBelow(child, seen);
      this.#finished(index, child, await this.#send(index, child, true));
    }
  }

  #isSparse(index: number): boolean {
    return this.#plan.images.some(({ tops, leftOut }) => leftOut > 0 && tops.includes(index));
  }

  #sink(node: PlannedNode): Sink {
    return this.#request(this.#plan.destinations[node.to]?.request).to;
  }

  #request(index: number | undefined): CopyRequest {
    const request = index === undefined ? undefined : this.#requests[index];
    if (request === undefined)
      throw new LadingError("ERR_LADING_USAGE", "the plan names a request that is not there");
    return request;
  }

  #body(index: number, node: PlannedNode): Body {
    const { descriptor } = node;
    const bytes =
      embeddedBytes(descriptor) ??
      (node.kind === "manifest" ? keptManifest(this.#plan, descriptor.digest) : undefined);
    if (bytes !== undefined) return bodyOf(bytes);
    const { from } = this.#request(node.from ?? node.request);
    const body = from.body(node);
    return {
      size: body.size,
      open: async (options) => {
        try {
          return await body.open(options);
        } catch (error) {
          if (isLadingError(error) && error.code === "ERR_LADING_NOT_FOUND")
            throw this.#missing(index, from, error);
          throw error;
        }
      },
    };
  }

  #missing(index: number, from: Source, cause: LadingError): LadingError {
    const { nodes } = this.#plan;
    const parents = nodes.filter(({ children }) => children.includes(index));
    const needed = parents.map(({ descriptor }) => descriptor.digest).join(" and ");
    return new LadingError(
      "ERR_LADING_MISSING_CONTENT",
      `${from.label} does not have ${nodes[index]?.descriptor.digest}${needed === "" ? "" : `, which ${needed} needs`}`,
      { place: from.label, hint: "the source is damaged: bring the image to it again", cause },
    );
  }

  async #runTags(index: number, image: PlannedImage): Promise<void> {
    this.#signal.throwIfAborted();
    const failed = image.tops.find((top) => this.#failed.has(top));
    if (failed !== undefined) {
      this.#failedImages.set(index, this.#failed.get(failed));
      return;
    }
    const destination = this.#plan.destinations[image.to];
    const sink = this.#request(destination?.request).to;
    try {
      for (const { name, current } of image.tags) {
        if (current) continue;
        await sink.tag(image.root, name, { signal: this.#signal });
        this.#on({ type: "tagged", descriptor: image.root, to: destination?.label ?? "", name });
      }
    } catch (error) {
      if (!this.#keepGoing || this.#signal.aborted) throw error;
      this.#failedImages.set(index, error);
    }
  }
}

/** The first name of each root that only one image has, and no referrers, which come before the names. */
function namesAlong({ images }: CopyPlan): ReadonlyMap<number, string> {
  const names = new Map<number, string>();
  const shared = new Set<number>();
  for (const { tops, tags } of images) {
    const [root, ...referrers] = tops;
    const tag = tags.find(({ current }) => !current);
    if (root === undefined) continue;
    if (names.has(root) || tag === undefined || referrers.length > 0) shared.add(root);
    else names.set(root, tag.name);
  }
  for (const root of shared) names.delete(root);
  return names;
}
