import { randomBytes } from "node:crypto";
import { type Body, bodyOf } from "../bytes/body.ts";
import { collect } from "../bytes/collect.ts";
import { createHasher, digestOf, type Hasher } from "../bytes/hash.ts";
import { type ByteStream, observe } from "../bytes/stream.ts";
import { verify } from "../bytes/verify.ts";
import { DigestMismatchError, LadingError } from "../errors.ts";
import type { Descriptor } from "../spec/descriptor.ts";
import { type Algorithm, algorithmOf, type Digest, isDigest, quote } from "../spec/digest.ts";
import type { Node } from "../spec/graph.ts";
import { parseManifest } from "../spec/manifest.ts";
import { mediaTypes } from "../spec/media-type.ts";
import { compareBytewise, referrerDescriptor, selectReferrers } from "./referrer.ts";
import type {
  CallOptions,
  ReferrerOptions,
  RepositoryStore,
  Upload,
  WriteOptions,
  Written,
} from "./store.ts";

interface StoredManifest {
  readonly descriptor: Descriptor;
  readonly bytes: Buffer;
  readonly subject: Digest | undefined;
  readonly asReferrer: Descriptor;
}

/** A store in memory: for tests, and for small content that is made and sent at once. */
export class MemoryStore implements RepositoryStore {
  readonly label: string;
  readonly #blobs = new Map<Digest, Buffer>();
  readonly #manifests = new Map<Digest, StoredManifest>();
  readonly #names = new Map<string, Digest>();
  readonly #uploads = new Map<string, MemoryUpload>();

  constructor(label = "memory") {
    this.label = label;
  }

  async resolve(reference: string, options: CallOptions = {}): Promise<Descriptor> {
    options.signal?.throwIfAborted();
    const digest = isDigest(reference)
      ? reference
      : reference === ""
        ? this.#only()
        : this.#names.get(reference);
    const found = digest === undefined ? undefined : this.#manifests.get(digest);
    if (found !== undefined) return found.descriptor;
    throw this.#notFound(reference === "" ? "no image" : quote(reference));
  }

  #only(): Digest | undefined {
    const named = new Set(this.#names.values());
    const digests = named.size > 0 ? [...named] : [...this.#manifests.keys()];
    if (digests.length > 1) {
      throw new LadingError("ERR_LADING_REFERENCE", `${this.label} holds ${digests.length} images`, {
        place: this.label,
        hint: "name one of them",
      });
    }
    return digests[0];
  }

  body(node: Node): Body {
    const { digest, size } = node.descriptor;
    return {
      size,
      open: async (from) => {
        const bytes = this.#bytes(node);
        if (bytes === undefined) throw this.#notFound(digest);
        return bodyOf(bytes).open(from);
      },
    };
  }

  #bytes(node: Node): Buffer | undefined {
    const { digest } = node.descriptor;
    return node.kind === "manifest" ? this.#manifests.get(digest)?.bytes : this.#blobs.get(digest);
  }

  async *tags(): AsyncGenerator<string> {
    yield* [...this.#names.keys()].sort(compareBytewise);
  }

  async *referrers(subject: Digest, options: ReferrerOptions = {}): AsyncGenerator<Descriptor> {
    const all = [...this.#manifests.values()].filter((manifest) => manifest.subject === subject);
    yield* selectReferrers(
      all.map((manifest) => manifest.asReferrer),
      options.artifactType,
    );
  }

  async *manifests(): AsyncGenerator<Descriptor> {
    for (const manifest of [...this.#manifests.values()]) yield manifest.descriptor;
  }

  /** Bytes of a blob that is here. */
  blobSize(digest: Digest): number | undefined {
    return this.#blobs.get(digest)?.byteLength;
  }

  blobs(): readonly Digest[] {
    return [...this.#blobs.keys()];
  }

  async has(node: Node, options: CallOptions = {}): Promise<boolean> {
    options.signal?.throwIfAborted();
    return this.#bytes(node)?.byteLength === node.descriptor.size;
  }

  async write(node: Node, body: Body, options: WriteOptions = {}): Promise<Written> {
    const { descriptor } = node;
    if (await this.has(node, options)) return "present";
    const { signal, on } = options;
    signal?.throwIfAborted();
    on?.({ type: "started", descriptor, to: this.label, offset: 0 });
    const stream = await body.open({ offset: 0, ...(signal === undefined ? {} : { signal }) });
    const seen = observe(stream, (bytes) => {
      signal?.throwIfAborted();
      on?.({ type: "progress", descriptor, to: this.label, bytes });
    });
    const bytes = await collect(
      verify(seen, descriptor, this.label),
      Number.POSITIVE_INFINITY,
      descriptor.digest,
    );
    signal?.throwIfAborted();
    if (node.kind === "blob") this.#blobs.set(descriptor.digest, bytes);
    else this.#manifests.set(descriptor.digest, storedManifest(descriptor, bytes));
    return "written";
  }

  async tag(target: Descriptor, name: string, options: CallOptions = {}): Promise<void> {
    options.signal?.throwIfAborted();
    if (name === "" || isDigest(name)) {
      throw new LadingError("ERR_LADING_REFERENCE", `${quote(name)} cannot be a tag`, { place: this.label });
    }
    if (!this.#manifests.has(target.digest)) throw this.#notFound(target.digest);
    this.#names.set(name, target.digest);
  }

  async untag(name: string): Promise<boolean> {
    return this.#names.delete(name);
  }

  async remove(node: Node): Promise<boolean> {
    const { digest } = node.descriptor;
    if (node.kind === "blob") return this.#blobs.delete(digest);
    for (const [name, target] of this.#names) if (target === digest) this.#names.delete(name);
    return this.#manifests.delete(digest);
  }

  async startUpload(options: CallOptions & { readonly algorithm?: Algorithm } = {}): Promise<Upload> {
    options.signal?.throwIfAborted();
    const upload = new MemoryUpload(options.algorithm ?? "sha256", this.label, (ended, blob) => {
      this.#uploads.delete(ended.id);
      if (blob !== undefined) this.#blobs.set(blob.digest, blob.bytes);
    });
    this.#uploads.set(upload.id, upload);
    return upload;
  }

  async resumeUpload(id: string): Promise<Upload | undefined> {
    return this.#uploads.get(id);
  }

  async commit(): Promise<void> {}

  async [Symbol.asyncDispose](): Promise<void> {}

  #notFound(what: string): LadingError {
    return new LadingError("ERR_LADING_NOT_FOUND", `${what} is not in ${this.label}`, { place: this.label });
  }
}

function storedManifest(descriptor: Descriptor, bytes: Buffer): StoredManifest {
  const plain = { mediaType: descriptor.mediaType, digest: descriptor.digest, size: descriptor.size };
  try {
    const manifest = parseManifest(bytes, descriptor.mediaType);
    const asReferrer = referrerDescriptor(plain, manifest);
    return { descriptor: plain, bytes, subject: manifest.subject?.digest, asReferrer };
  } catch {
    // A store holds what it is given; whether a manifest is good is for its reader to say.
    return { descriptor: plain, bytes, subject: undefined, asReferrer: plain };
  }
}

class MemoryUpload implements Upload {
  readonly id = randomBytes(16).toString("hex");
  readonly #hasher: Hasher;
  readonly #algorithm: Algorithm;
  readonly #label: string;
  readonly #chunks: Buffer[] = [];
  readonly #end: (upload: MemoryUpload, blob?: { digest: Digest; bytes: Buffer }) => void;
  #offset = 0;

  constructor(
    algorithm: Algorithm,
    label: string,
    end: (upload: MemoryUpload, blob?: { digest: Digest; bytes: Buffer }) => void,
  ) {
    this.#algorithm = algorithm;
    this.#label = label;
    this.#hasher = createHasher(algorithm);
    this.#end = end;
  }

  get offset(): number {
    return this.#offset;
  }

  async append(stream: ByteStream, options: CallOptions = {}): Promise<number> {
    for await (const chunk of stream) {
      options.signal?.throwIfAborted();
      this.#hasher.update(chunk);
      this.#chunks.push(Buffer.from(chunk));
      this.#offset += chunk.byteLength;
    }
    return this.#offset;
  }

  async finish(digest: Digest): Promise<Descriptor> {
    const bytes = Buffer.concat(this.#chunks);
    const algorithm = algorithmOf(digest);
    const actual = algorithm === this.#algorithm ? this.#hasher.digest() : digestOf(bytes, algorithm);
    if (actual !== digest) {
      this.#end(this);
      throw new DigestMismatchError(digest, actual, { place: this.#label });
    }
    this.#end(this, { digest, bytes });
    return { mediaType: mediaTypes.octetStream, digest, size: bytes.byteLength };
  }

  async discard(): Promise<void> {
    this.#end(this);
  }
}
