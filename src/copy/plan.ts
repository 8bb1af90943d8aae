import { LadingError } from "../errors.ts";
import type { Descriptor } from "../spec/descriptor.ts";
import { type Node, nodeKey } from "../spec/graph.ts";
import { formatPlatform, type Platform, platformDistance } from "../spec/platform.ts";
import { embeddedBytes } from "../stores/read.ts";
import type { Sink, Source } from "../stores/store.ts";
import { Availability, isDamaged } from "./availability.ts";
import type { CopyPlan, PlanFailure, PlannedImage, PlannedTag } from "./copy-plan.ts";
import { collectDestinations, type Destinations } from "./destinations.ts";
import { failureOf } from "./failure.ts";
import { ManifestReader } from "./manifest-reader.ts";
import { missingContent } from "./missing.ts";
import { collectNeeds, mountCandidates, type Need, type Needs } from "./need.ts";
import { choosePlatforms, platformOf } from "./platforms.ts";
import { Presence, type PresenceAnswer } from "./presence.ts";
import { type CopyRequest, defaultConcurrency, type PlanOptions } from "./request.ts";
import { planNodes } from "./routes.ts";
import { allSettled, createGate, type Gate, linkedAbort, mapTogether } from "./together.ts";
import { type Graph, walk } from "./walk.ts";

/**
 * Finds out what has to move: reads manifests (each once), asks what is present, decides what to mount. Moves nothing.
 * @throws LadingError ERR_LADING_NOT_FOUND (reference, platform), ERR_LADING_MISSING_CONTENT (a node that neither side
 * has), ERR_LADING_SIZE_MISMATCH (a source that is damaged), ERR_LADING_USAGE (one tag for two roots),
 * ERR_LADING_LIMIT, ERR_LADING_DOCUMENT and what the stores throw
 */
export async function plan(requests: readonly CopyRequest[], options: PlanOptions = {}): Promise<CopyPlan> {
  options.signal?.throwIfAborted();
  return new Planning(requests, options).run();
}

class Planning {
  readonly #requests: readonly CopyRequest[];
  readonly #options: PlanOptions;
  readonly #signal: AbortSignal;
  readonly #abort: (reason: unknown) => void;
  readonly #gate: Gate;
  /** Requests and nodes at work: more than the gate lets ask, and never all, since each holds memory. */
  readonly #atOnce: number;
  readonly #reader: ManifestReader;
  readonly #destinations: Destinations;
  readonly #sinks: readonly Sink[];
  readonly #presence: Presence;
  readonly #availability: Availability;
  readonly #resolved = new Map<Source, Map<string, Promise<Descriptor>>>();
  readonly #current = new Map<string, Promise<boolean>>();
  readonly #failures = new Map<number, PlanFailure>();

  constructor(requests: readonly CopyRequest[], options: PlanOptions) {
    const { signal, abort } = linkedAbort(options.signal);
    this.#requests = requests;
    this.#options = options;
    this.#signal = signal;
    this.#abort = abort;
    const concurrency = options.concurrency ?? defaultConcurrency;
    this.#gate = createGate(2 * concurrency);
    this.#atOnce = 4 * concurrency;
    this.#reader = new ManifestReader(this.#gate, signal);
    this.#destinations = collectDestinations(requests);
    this.#sinks = this.#destinations.list.flatMap(({ request }) => requests[request]?.to ?? []);
    this.#availability = new Availability(this.#gate, signal);
    this.#presence = new Presence({
      requests,
      sinks: this.#sinks,
      concurrency: this.#atOnce,
      gate: this.#gate,
      signal,
      abort,
      trustRoots: options.trustRoots ?? false,
      nonDistributable: options.nonDistributable ?? false,
    });
  }

  async run(): Promise<CopyPlan> {
    const graphs = await this.#each(this.#requests, (_, i) => this.#orFailure(i, () => this.#graphOf(i)));
    const toOf = this.#destinations.ofRequest;
    // A second round is only needed when requests dropped out because content is missing.
    for (;;) {
      const needs = collectNeeds(graphs, toOf, this.#destinations.list.length);
      const answers = await this.#presence.decide(needs, (need) => this.#mountable(need).length > 0);
      const sources = await this.#findSources(needs, graphs);
      const missing = await missingContent({
        requests: this.#requests,
        needs,
        answers,
        sources,
        isDamaged: ({ from }, { node }) => isDamaged(from, node, this.#signal),
      });
      if (missing.size === 0) return this.#finish(graphs, needs, answers, sources);
      for (const [request, error] of missing) {
        if (!this.#options.keepGoing) throw error;
        this.#failures.set(request, failureOf(request, error));
        graphs[request] = undefined;
      }
    }
  }

  #each<T, R>(items: readonly T[], task: (item: T, index: number) => Promise<R>): Promise<R[]> {
    return mapTogether(items, this.#atOnce, task, this.#abort);
  }

  /** What a request's task gives; with `keepGoing` a failure is noted and gives nothing. */
  async #orFailure<T>(request: number, task: () => Promise<T>): Promise<T | undefined> {
    try {
      return await task();
    } catch (error) {
      if (!this.#options.keepGoing || this.#signal.aborted) throw error;
      this.#failures.set(request, failureOf(request, error));
      return undefined;
    }
  }

  async #graphOf(index: number): Promise<Graph> {
    const request = this.#request(index);
    const { from, platforms = [], keepIndex = false, referrers = false } = request;
    const resolved = await this.#resolve(request);
    const read = (descriptor: Descriptor) => this.#reader.read(from, descriptor);
    const choice =
      platforms.length === 0
        ? { root: resolved, leftOut: 0 }
        : await choosePlatforms(resolved, { platforms, keepIndex }, read);
    if (platforms.length > 0 && choice.root.digest === resolved.digest && !("kept" in choice)) {
      await this.#warnOfPlatform(request, resolved, platforms);
    }
    const { root, leftOut, ...kept } = choice;
    const node: Node = { kind: "manifest", descriptor: root };
    if (referrers === false && (await this.#isTrusted(index, node))) {
      const key = nodeKey(node);
      const alone = { node, role: "root", children: new Set<string>(), parent: undefined } as const;
      return {
        root,
        tops: [key],
        leftOut,
        nodes: new Map([[key, { ...alone, optional: false, absent: false }]]),
      };
    }
    const context = {
      reader: this.#reader,
      gate: this.#gate,
      signal: this.#signal,
      abort: this.#options.keepGoing ? () => {} : this.#abort,
      on: this.#options.on ?? (() => {}),
    };
    return { ...(await walk(request, root, context, "kept" in kept ? kept.kept : undefined)), leftOut };
  }

  /** Platforms choose from an index. What is none is copied as it is, and somebody may have expected something else. */
  async #warnOfPlatform(
    { from, reference }: CopyRequest,
    root: Descriptor,
    wanted: readonly Platform[],
  ): Promise<void> {
    const offered = await this.#gate(() => platformOf(from, root, this.#signal));
    if (offered !== undefined && wanted.some((one) => platformDistance(one, offered) !== undefined)) return;
    const name = typeof reference === "string" && reference !== "" ? reference : root.digest;
    const what = offered === undefined ? "for no known platform" : `for ${formatPlatform(offered)}`;
    this.#options.on?.({
      type: "warning",
      message: `${name} at ${from.label} is one image ${what}, and copied as it is`,
      hint: "platforms choose from an index; this is none",
    });
  }

  #resolve({ from, reference }: CopyRequest): Promise<Descriptor> {
    if (typeof reference !== "string") return Promise.resolve(reference);
    const here = this.#resolved.get(from) ?? new Map<string, Promise<Descriptor>>();
    this.#resolved.set(from, here);
    let resolving = here.get(reference);
    if (resolving === undefined) {
      resolving = this.#gate(() => from.resolve(reference, { signal: this.#signal }));
      here.set(reference, resolving);
    }
    return resolving;
  }

  /** With `trustRoots`: whether the destination has the root, told by its first tag (one request) or by its digest. */
  async #isTrusted(index: number, root: Node): Promise<boolean> {
    const to = this.#destinations.ofRequest[index] ?? 0;
    if (!this.#presence.trusts(to)) return false;
    const [tag] = this.#request(index).tags;
    if (tag !== undefined && (await this.#isCurrent(to, root.descriptor, tag))) {
      this.#presence.learn(to, root);
      return true;
    }
    return this.#presence.ask(to, root);
  }

  /** Whether the name stands for the root at the destination already. */
  #isCurrent(to: number, root: Descriptor, name: string): Promise<boolean> {
    const key = `${to} ${name} ${root.digest}`;
    let current = this.#current.get(key);
    if (current === undefined) {
      current = this.#askCurrent(to, root, name);
      this.#current.set(key, current);
    }
    return current;
  }

  async #askCurrent(to: number, root: Descriptor, name: string): Promise<boolean> {
    const sink = this.#sinks[to];
    if (sink === undefined || !canResolve(sink)) return false;
    try {
      const found = await this.#gate(() => sink.resolve(name, { signal: this.#signal }));
      return found.digest === root.digest;
    } catch (error) {
      // Whatever is wrong with asking, tagging will show it, and it is safe to tag again.
      if (this.#signal.aborted || !(error instanceof LadingError)) throw error;
      return false;
    }
  }

  #mountable(need: Need) {
    const to = this.#destinations.list[need.to]?.location;
    return need.node.kind === "blob" ? mountCandidates(this.#requests, need.requests, to) : [];
  }

  /** For each need the request whose source has it, if any: its own requests first, then the other destinations'. */
  async #findSources(
    needs: Needs,
    graphs: readonly (Graph | undefined)[],
  ): Promise<Map<Need, number | undefined>> {
    const wanting = new Map<string, number[]>();
    for (const [i, graph] of graphs.entries()) {
      for (const key of graph?.nodes.keys() ?? []) {
        const list = wanting.get(key);
        if (list === undefined) wanting.set(key, [i]);
        else list.push(i);
      }
    }
    const find = async (need: Need): Promise<[Need, number | undefined]> => {
      const [first] = need.requests;
      if (need.optional && !this.#options.nonDistributable) return [need, undefined];
      if (embeddedBytes(need.node.descriptor) !== undefined) return [need, first];
      const key = nodeKey(need.node);
      for (const i of new Set([...need.requests, ...(wanting.get(key) ?? [])])) {
        if (need.node.kind === "manifest") {
          if (graphs[i]?.nodes.get(key)?.absent === false) return [need, i];
        } else if (await this.#availability.has(this.#request(i).from, need.node, need.optional))
          return [need, i];
      }
      return [need, undefined];
    };
    const all = needs.flatMap((here) => [...here.values()]);
    return new Map(await this.#each(all, find));
  }

  async #finish(
    graphs: readonly (Graph | undefined)[],
    needs: Needs,
    answers: ReadonlyMap<Need, PresenceAnswer>,
    sources: ReadonlyMap<Need, number | undefined>,
  ): Promise<CopyPlan> {
    const { list: destinations, ofRequest } = this.#destinations;
    const { nodes, indexOf, totals } = planNodes({
      destinations,
      needs,
      answers,
      sources,
      mountable: (need) => this.#mountable(need),
    });
    const planned = await this.#each(graphs, async (graph, request): Promise<PlannedImage | undefined> => {
      if (graph === undefined) return undefined;
      const to = ofRequest[request] ?? 0;
      const tops = graph.tops.map((key) => indexOf(to, key));
      const rootThere = nodes[tops[0] ?? 0]?.action === "present";
      const tags = await allSettled(
        this.#request(request).tags.map(
          async (name): Promise<PlannedTag> => ({
            name,
            current: rootThere && (await this.#isCurrent(to, graph.root, name)),
          }),
        ),
        this.#abort,
      );
      const { label: from } = this.#request(request).from;
      const { root, leftOut } = graph;
      return { request, from, to, root, tags, tops, referrers: tops.length - 1, leftOut };
    });
    const images = planned.filter((image) => image !== undefined);
    checkTags(images, destinations);
    const failures = [...this.#failures.values()].sort((a, b) => a.request - b.request);
    const plan: CopyPlan = { destinations, images, nodes, totals, failures };
    this.#reader.keepFor(plan);
    return plan;
  }

  #request(index: number): CopyRequest {
    const request = this.#requests[index];
    if (request === undefined) throw new RangeError(`no request ${index}`);
    return request;
  }
}

function canResolve(sink: Sink): sink is Sink & Pick<Source, "resolve"> {
  return typeof (sink as Partial<Source>).resolve === "function";
}

/** One name cannot stand for two roots. */
function checkTags(images: readonly PlannedImage[], destinations: CopyPlan["destinations"]): void {
  const taken = new Map<string, Descriptor>();
  for (const { to, root, tags } of images) {
    for (const { name } of tags) {
      const before = taken.get(`${to} ${name}`);
      if (before !== undefined && before.digest !== root.digest) {
        throw new LadingError(
          "ERR_LADING_USAGE",
          `two different images are to become ${name}: ${before.digest} and ${root.digest}`,
          { place: destinations[to]?.label ?? "", hint: "give each image a tag of its own" },
        );
      }
      taken.set(`${to} ${name}`, root);
    }
  }
}
