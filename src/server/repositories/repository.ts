import type { Descriptor } from "../../spec/descriptor.ts";
import type { Digest } from "../../spec/digest.ts";
import type { RepositoryStore } from "../../stores/store.ts";
import type { Collected } from "../collected.ts";
import { ReadWriteLock } from "../lock.ts";

export interface CollectOptions {
  /** Content that came, or was found here, within this time stays. Milliseconds. */
  readonly graceMs: number;
  /** Whether manifests go that no tag, parent or subject keeps. */
  readonly untaggedManifests: boolean;
  readonly signal: AbortSignal;
}

/** What a registry needs of one repository beside the store itself. */
export interface RepositoryContent {
  readonly store: RepositoryStore;
  /** Bytes of a blob; undefined when it is not here. */
  blobSize(digest: Digest): Promise<number | undefined>;
  /** Notes that a client was told that this blob is here: its grace time starts again. */
  used(blob: Descriptor): Promise<void>;
  /** Takes a blob over from another repository without reading it. False: it must be copied. */
  link(blob: Descriptor, from: RepositoryContent): Promise<boolean>;
  /** Drops uploads to which nothing came for this long, in milliseconds. Resolves to how many. */
  expireUploads(olderThanMs: number): Promise<number>;
  /** Removes what nothing leads to. Called under the exclusive lock. */
  collect(options: CollectOptions): Promise<Collected>;
}

/** One repository of the registry. There is one object per name and process, so its lock holds. */
export class Repository {
  readonly name: string;
  readonly content: RepositoryContent;
  /**
   * Shared from "children checked" to "manifest stored", exclusive for whatever takes content away: a manifest that was
   * accepted never lacks a blob.
   */
  readonly lock = new ReadWriteLock();

  constructor(name: string, content: RepositoryContent) {
    this.name = name;
    this.content = content;
  }

  get store(): RepositoryStore {
    return this.content.store;
  }
}

/** All repositories of a registry. */
export interface Repositories {
  /** For people. */
  readonly label: string;
  find(name: string): Promise<Repository | undefined>;
  /** Makes the repository when it is not there. */
  open(name: string): Promise<Repository>;
  /** Sorted bytewise. */
  names(): AsyncIterable<string>;
  close(): Promise<void>;
}
