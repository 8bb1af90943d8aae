import type { Body } from "../bytes/body.ts";
import type { ByteStream } from "../bytes/stream.ts";
import type { EventListener } from "../events.ts";
import type { Descriptor } from "../spec/descriptor.ts";
import type { Algorithm, Digest } from "../spec/digest.ts";
import type { Node } from "../spec/graph.ts";

export interface CallOptions {
  readonly signal?: AbortSignal;
}

export interface ResolveOptions extends CallOptions {
  /**
   * Only digest and media type are wanted: the word of a registry is taken for them (HEAD, no bytes), and the size may be
   * off. Stores that have the bytes at hand ignore this.
   */
  readonly unread?: boolean;
}

export interface ReferrerOptions extends CallOptions {
  /** Only referrers with exactly this artifact type. */
  readonly artifactType?: string;
}

/** A repository in a registry, as a place that blobs can be mounted from. */
export interface RepositoryLocation {
  readonly registry: string;
  readonly repository: string;
}

export interface WriteOptions extends CallOptions {
  /** Where the blob is known to be; a sink in the same registry may mount it from there. Others ignore it. */
  readonly mountFrom?: readonly RepositoryLocation[];
  /** The node is known to be absent here: do not ask again. */
  readonly knownAbsent?: boolean;
  /** A name that the manifest gets next: `tag` will be called. A sink that can give it along with the bytes may do so. */
  readonly name?: string;
  /** `started`, `progress`, `restarted` of this write. */
  readonly on?: EventListener;
}

export type Written = "written" | "mounted" | "present";

/** Where content comes from. */
export interface Source {
  /** For people: what and where, never a secret. */
  readonly label: string;
  /** Set by repositories in registries: lets the copier mount instead of move. */
  readonly location?: RepositoryLocation;
  /**
   * The descriptor that a tag or digest stands for.
   * @throws LadingError ERR_LADING_NOT_FOUND
   */
  resolve(reference: string, options?: ResolveOptions): Promise<Descriptor>;
  /**
   * The node's bytes as stored; the reader verifies. Opening what is absent throws ERR_LADING_NOT_FOUND.
   */
  body(node: Node): Body;
  /**
   * Whether the node is here, for sources that may lack nodes and still be right: sparse layouts, differential archives.
   * Must be cheap: the copier asks it for every node, of sources without a `location` only.
   */
  has?(node: Node, options?: CallOptions): Promise<boolean>;
  /** All tags, sorted bytewise. */
  tags(options?: CallOptions): AsyncIterable<string>;
  /** Descriptors of manifests whose subject is this digest, with their artifactType and annotations. */
  referrers(subject: Digest, options?: ReferrerOptions): AsyncIterable<Descriptor>;
}

/** Where content goes. */
export interface Sink {
  readonly label: string;
  readonly location?: RepositoryLocation;
  /** The order of writes shows in what comes out, as in an archive: the copier begins them in the same order each time. */
  readonly ordered?: boolean;
  /** Present *and* of the right size. */
  has(node: Node, options?: CallOptions): Promise<boolean>;
  /**
   * Stores the node; verifies digest and size before anything shows. Children are written before their manifests.
   * @throws DigestMismatchError, SizeMismatchError: nothing is visible then
   */
  write(node: Node, body: Body, options?: WriteOptions): Promise<Written>;
  /** Names a manifest that is here already. */
  tag(target: Descriptor, name: string, options?: CallOptions): Promise<void>;
  /** Makes the work final: an archive appears whole here, or not at all. Registries and layouts have nothing to do. */
  commit(options?: CallOptions): Promise<void>;
  /** Drops what was not committed and releases what is held (files, locks, sessions). */
  [Symbol.asyncDispose](): Promise<void>;
}

export interface Store extends Source, Sink {
  has(node: Node, options?: CallOptions): Promise<boolean>;
}

/** A store whose content can be taken away again. */
export interface ManagedStore extends Store {
  /** Removes a name; the content stays. Resolves to false when there was no such name. */
  untag(name: string, options?: CallOptions): Promise<boolean>;
  /** Removes a node, and for a manifest all its names. Resolves to false when it was not there. */
  remove(node: Node, options?: CallOptions): Promise<boolean>;
}

/** A blob on its way in, in pieces. One writer at a time. */
export interface Upload {
  /** Safe in a URL and as a file name. */
  readonly id: string;
  /** Bytes taken so far. */
  readonly offset: number;
  /** Appends; bytes taken before a failure stay. Resolves to the new offset. */
  append(stream: ByteStream, options?: CallOptions): Promise<number>;
  /** Verifies the digest and makes the blob visible. @throws DigestMismatchError; the upload is gone then */
  finish(digest: Digest, options?: CallOptions): Promise<Descriptor>;
  discard(): Promise<void>;
}

/** A store that the embedded registry can serve as one repository. */
export interface RepositoryStore extends ManagedStore {
  /** @param algorithm what `finish` will most likely be asked for; hashing goes on while bytes arrive */
  startUpload(options?: CallOptions & { readonly algorithm?: Algorithm }): Promise<Upload>;
  /** An upload begun before, also by a process that has died since. */
  resumeUpload(id: string, options?: CallOptions): Promise<Upload | undefined>;
  /** Descriptors of all manifests that were written here, tagged or not. */
  manifests(options?: CallOptions): AsyncIterable<Descriptor>;
}
