import type { Body } from "../../src/bytes/body.ts";
import { collect } from "../../src/bytes/collect.ts";
import { RegistryError } from "../../src/errors.ts";
import type { Descriptor } from "../../src/spec/descriptor.ts";
import type { Digest } from "../../src/spec/digest.ts";
import { childrenOf, type Node } from "../../src/spec/graph.ts";
import { parseManifest } from "../../src/spec/manifest.ts";
import { MemoryStore } from "../../src/stores/memory.ts";
import type {
  CallOptions,
  ReferrerOptions,
  RepositoryLocation,
  Store,
  WriteOptions,
  Written,
} from "../../src/stores/store.ts";

/** One thing that a repository was asked to do, in the order of the asking. */
export interface Call {
  readonly repository: string;
  readonly what: "resolve" | "read" | "has" | "write" | "mount" | "tag" | "referrers" | "tags";
  readonly digest?: Digest;
  readonly name?: string;
}

/** What a test can put in front of a call: a delay, or a failure. */
export type Before = (call: Call) => Promise<void> | void;

/** A registry in memory that keeps account of its calls, mounts, and refuses manifests without their children. */
export class FakeRegistry {
  readonly host: string;
  readonly calls: Call[] = [];
  /** Whether repositories answer a mount; a refusal makes the client upload. */
  mounts = true;
  before: Before = () => {};
  readonly #repositories = new Map<string, FakeRepository>();

  constructor(host: string) {
    this.host = host;
  }

  repository(name: string): FakeRepository {
    const known = this.#repositories.get(name);
    if (known !== undefined) return known;
    const repository = new FakeRepository(this, name);
    this.#repositories.set(name, repository);
    return repository;
  }

  /** How often each kind of call was made, since the account was last cleared. */
  counts(): Record<string, number> {
    const counts: Record<string, number> = {};
    for (const { what } of this.calls) counts[what] = (counts[what] ?? 0) + 1;
    return counts;
  }

  async note(call: Call): Promise<void> {
    this.calls.push(call);
    await this.before(call);
  }
}

export class FakeRepository implements Store {
  readonly label: string;
  readonly location: RepositoryLocation;
  /** What is stored, for tests to look at and to damage. */
  readonly content: MemoryStore;
  readonly #registry: FakeRegistry;

  constructor(registry: FakeRegistry, name: string) {
    this.#registry = registry;
    this.label = `${registry.host}/${name}`;
    this.location = { registry: registry.host, repository: name };
    this.content = new MemoryStore(this.label);
  }

  async #note(what: Call["what"], more: Partial<Call> = {}): Promise<void> {
    await this.#registry.note({ repository: this.location.repository, what, ...more });
  }

  async resolve(reference: string, options: CallOptions = {}): Promise<Descriptor> {
    await this.#note("resolve", { name: reference });
    return this.content.resolve(reference, options);
  }

  body(node: Node): Body {
    const body = this.content.body(node);
    return {
      size: body.size,
      open: async (from) => {
        await this.#note("read", { digest: node.descriptor.digest });
        return body.open(from);
      },
    };
  }

  async *tags(): AsyncGenerator<string> {
    await this.#note("tags");
    yield* this.content.tags();
  }

  async *referrers(subject: Digest, options: ReferrerOptions = {}): AsyncGenerator<Descriptor> {
    await this.#note("referrers", { digest: subject });
    yield* this.content.referrers(subject, options);
  }

  async has(node: Node, options: CallOptions = {}): Promise<boolean> {
    await this.#note("has", { digest: node.descriptor.digest });
    return this.content.has(node, options);
  }

  async write(node: Node, body: Body, options: WriteOptions = {}): Promise<Written> {
    const { digest } = node.descriptor;
    for (const { registry, repository } of options.mountFrom ?? []) {
      if (registry !== this.#registry.host) continue;
      await this.#note("mount", { digest, name: repository });
      const other = this.#registry.repository(repository).content;
      if (this.#registry.mounts && (await other.has(node))) {
        await this.content.write(node, other.body(node));
        return "mounted";
      }
    }
    if (node.kind === "blob" && options.knownAbsent !== true && (await this.has(node, options)))
      return "present";
    await this.#note("write", { digest });
    if (node.kind === "manifest") await this.#checkChildren(node, body);
    return this.content.write(node, body, options);
  }

  async #checkChildren(node: Node, body: Body): Promise<void> {
    const bytes = await collect(await body.open({ offset: 0 }), node.descriptor.size + 1, "manifest");
    for (const child of childrenOf(parseManifest(bytes, node.descriptor.mediaType))) {
      if (child.optional || (await this.content.has(child))) continue;
      throw new RegistryError("ERR_LADING_REGISTRY", "the registry refused the manifest", {
        status: 404,
        method: "PUT",
        url: `https://${this.label}`,
        errors: [{ code: "MANIFEST_BLOB_UNKNOWN", message: child.descriptor.digest }],
      });
    }
  }

  async tag(target: Descriptor, name: string, options: CallOptions = {}): Promise<void> {
    await this.#note("tag", { digest: target.digest, name });
    await this.content.tag(target, name, options);
  }

  async commit(): Promise<void> {}

  async [Symbol.asyncDispose](): Promise<void> {}
}
