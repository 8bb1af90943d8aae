import { type Body, bodyOf } from "../../bytes/body.ts";
import { collect } from "../../bytes/collect.ts";
import { verifyBytes } from "../../bytes/verify.ts";
import { isLadingError, LadingError } from "../../errors.ts";
import type { Descriptor } from "../../spec/descriptor.ts";
import { type Digest, isDigest, quote } from "../../spec/digest.ts";
import type { Node } from "../../spec/graph.ts";
import { limits } from "../../spec/limits.ts";
import { type Manifest, parseManifest } from "../../spec/manifest.ts";
import { isTag } from "../../spec/reference.ts";
import { referrerDescriptor } from "../referrer.ts";
import type {
  CallOptions,
  ManagedStore,
  ReferrerOptions,
  RepositoryLocation,
  ResolveOptions,
  WriteOptions,
  Written,
} from "../store.ts";
import { blobBody } from "./blobs.ts";
import { removeNode, removeTag } from "./deletes.ts";
import { headManifest } from "./head.ts";
import { getManifest, tagManifest, writeManifest } from "./manifests.ts";
import type { KnownManifest } from "./memo.ts";
import { hasNode } from "./presence.ts";
import { createReferrersFallback, listReferrers, type ReferrersFallback } from "./referrers.ts";
import type { RepositorySession } from "./session.ts";
import { listTags } from "./tags.ts";
import { writeBlob } from "./uploads.ts";

/** One repository of a registry as a store. Made by a registry client, which it shares tokens and limits with. */
export class RegistryStore implements ManagedStore {
  readonly label: string;
  readonly location: RepositoryLocation;
  readonly #session: RepositorySession;
  readonly #fallback: ReferrersFallback;

  constructor(session: RepositorySession) {
    this.#session = session;
    this.label = session.label;
    this.location = { registry: session.registry, repository: session.repository };
    this.#fallback = createReferrersFallback(session);
  }

  /** One GET; the manifest's bytes are kept for `body`. With `unread` one HEAD, where the registry answers that well. */
  async resolve(reference: string, options: ResolveOptions = {}): Promise<Descriptor> {
    if (!isDigest(reference) && !isTag(reference)) {
      throw new LadingError("ERR_LADING_REFERENCE", `not a tag or digest: ${quote(reference)}`, {
        place: this.label,
      });
    }
    if (options.unread === true) {
      const stated = await headManifest(this.#session, reference, options.signal);
      if (stated !== undefined) return stated;
    }
    return (await getManifest(this.#session, reference, options.signal)).descriptor;
  }

  body(node: Node): Body {
    const { kind, descriptor } = node;
    if (kind === "blob") return blobBody(this.#session, descriptor);
    return {
      size: descriptor.size,
      open: async ({ offset, signal }) => {
        const { bytes } = await getManifest(this.#session, descriptor.digest, signal);
        return bodyOf(bytes).open({ offset });
      },
    };
  }

  tags(options: CallOptions = {}): AsyncIterable<string> {
    return listTags(this.#session, options.signal);
  }

  referrers(subject: Digest, options: ReferrerOptions = {}): AsyncIterable<Descriptor> {
    return listReferrers(this.#session, subject, options.artifactType, options.signal);
  }

  has(node: Node, options: CallOptions = {}): Promise<boolean> {
    return hasNode(this.#session, node, options.signal);
  }

  async write(node: Node, body: Body, options: WriteOptions = {}): Promise<Written> {
    options.signal?.throwIfAborted();
    if (node.kind === "blob") return writeBlob(this.#session, node.descriptor, body, options);
    const { signal } = options;
    if (
      options.knownAbsent === true
        ? this.#session.memo.presence(node) === true
        : await this.has(node, options)
    ) {
      return "present";
    }
    const manifest = await this.#collect(node.descriptor, body, signal);
    const progress = { descriptor: node.descriptor, to: this.label };
    options.on?.({ type: "started", ...progress, offset: 0 });
    const { subjectDone } = await writeManifest(this.#session, manifest, options.name, signal);
    options.on?.({ type: "progress", ...progress, bytes: manifest.bytes.byteLength });
    await this.#linkSubject(manifest, subjectDone, signal);
    return "written";
  }

  /** Names a manifest; its bytes are known from its writing or reading, so that this is one PUT, or none. */
  async tag(target: Descriptor, name: string, options: CallOptions = {}): Promise<void> {
    if (!isTag(name)) {
      throw new LadingError("ERR_LADING_REFERENCE", `not a tag: ${quote(name)}`, { place: this.label });
    }
    if (this.#session.memo.takeNamed(name, target.digest)) return;
    const manifest = await getManifest(this.#session, target.digest, options.signal);
    await tagManifest(this.#session, manifest, name, options.signal);
  }

  untag(name: string, options: CallOptions = {}): Promise<boolean> {
    if (!isTag(name)) return Promise.resolve(false);
    return removeTag(this.#session, name, options.signal);
  }

  remove(node: Node, options: CallOptions = {}): Promise<boolean> {
    return removeNode(this.#session, this.#fallback, node, options.signal);
  }

  /** Everything is final as soon as it is written. */
  async commit(): Promise<void> {}

  /** Holds nothing of its own: uploads end with their `write`, connections with the client. */
  async [Symbol.asyncDispose](): Promise<void> {}

  async #collect(
    descriptor: Descriptor,
    body: Body,
    signal: AbortSignal | undefined,
  ): Promise<KnownManifest> {
    if (descriptor.size > limits.manifestBytes) {
      throw new LadingError(
        "ERR_LADING_LIMIT",
        `manifest ${descriptor.digest} has ${descriptor.size} bytes; at most ${limits.manifestBytes} are written`,
        { place: this.label },
      );
    }
    const stream = await body.open({ offset: 0, ...(signal === undefined ? {} : { signal }) });
    const bytes = await collect(stream, descriptor.size + 65536, `manifest ${descriptor.digest}`);
    return { descriptor, bytes: verifyBytes(bytes, descriptor, this.label) };
  }

  /** A registry that does not say it did the referrers work has not done it (distribution-spec, `OCI-Subject`). */
  async #linkSubject(manifest: KnownManifest, done: boolean, signal: AbortSignal | undefined): Promise<void> {
    const parsed = parsedOrUndefined(manifest);
    if (parsed?.subject === undefined) return;
    if (done) {
      this.#session.features.referrersApi = true;
      return;
    }
    if (this.#session.features.referrersApi === true) return;
    const referrer = referrerDescriptor(manifest.descriptor, parsed);
    await this.#fallback.change("add", parsed.subject.digest, referrer, signal);
  }
}

/** A registry may take manifests that Lading cannot read; those have no subject that it could know of. */
function parsedOrUndefined(manifest: KnownManifest): Manifest | undefined {
  try {
    return parseManifest(manifest.bytes, manifest.descriptor.mediaType);
  } catch (error) {
    if (isLadingError(error)) return undefined;
    throw error;
  }
}
