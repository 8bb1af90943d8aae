import type { Passwords } from "./auth/passwords.ts";
import type { AccessRule } from "./auth/rights.ts";
import type { TokenOptions } from "./auth/tokens.ts";
import { Fault } from "./errors.ts";
import type { LogListener } from "./log.ts";
import type { Repositories } from "./repositories/repository.ts";

/** What may be deleted. Default: nothing. */
export interface DeleteSwitches {
  readonly tags?: boolean;
  /** By digest, with all its tags. */
  readonly manifests?: boolean;
  readonly blobs?: boolean;
}

export interface ServerLimits {
  /** Bytes of one manifest; at most what Lading reads (8 MiB). Default 8 MiB. */
  readonly manifestBytes: number;
  /** Bytes of one blob. Default: no limit. */
  readonly blobBytes: number;
  /** Upload sessions of one repository. Default 1000. */
  readonly uploadsPerRepository: number;
  /** Milliseconds until an upload that nobody goes on with is dropped. Default 30 minutes. */
  readonly uploadExpiryMs: number;
  /** Characters of a request's path and query. Default 16384. */
  readonly urlLength: number;
  /** Bytes of a request's head. Default 32768. */
  readonly headerBytes: number;
  /** Milliseconds in which a request's head must have arrived. Default 20 seconds. */
  readonly headersMs: number;
  /** Milliseconds that a client may neither send nor take anything while it is its turn. Default 60 seconds. */
  readonly idleMs: number;
  /** Bytes per second that a client must send or take, on the average of every `idleMs` that were spent on waiting for it. Default 256. */
  readonly minBytesPerSecond: number;
  /** Connections at a time. Default 4096. */
  readonly connections: number;
  /** Entries of one page of tags or of the catalog. Default 10000 and 1000. */
  readonly tagsPerPage: number;
  readonly catalogPerPage: number;
  /** Bytes of one page of referrers. Default 4 MiB. */
  readonly referrersPageBytes: number;
  /** Bytes of a refused body that are read and dropped so that the client can read the answer. Default 32 MiB. */
  readonly drainBytes: number;
}

export const defaultLimits: ServerLimits = {
  manifestBytes: 8 * 1024 * 1024,
  blobBytes: Number.MAX_SAFE_INTEGER,
  uploadsPerRepository: 1000,
  uploadExpiryMs: 30 * 60_000,
  urlLength: 16_384,
  headerBytes: 32_768,
  headersMs: 20_000,
  idleMs: 60_000,
  minBytesPerSecond: 256,
  connections: 4096,
  tagsPerPage: 10_000,
  catalogPerPage: 1000,
  referrersPageBytes: 4 * 1024 * 1024,
  drainBytes: 32 * 1024 * 1024,
};

export interface CollectionOptions {
  /** Milliseconds that content lives without a name or parent. Default one hour. */
  readonly graceMs?: number;
  /** Collect manifests that neither a tag nor a parent nor a subject keeps, too. Default false: they may be used by digest. */
  readonly untaggedManifests?: boolean;
  /** Milliseconds between two collections. Default: only on demand. */
  readonly everyMs?: number;
  /** Collect when the server starts to listen. Default false. */
  readonly atStart?: boolean;
}

export interface RegistryServerOptions {
  /** `memoryRepositories()` or `diskRepositories(folder)`. */
  readonly repositories: Repositories;
  /** PEM. With `clientCa`, clients must show a certificate from it. */
  readonly tls?: {
    readonly cert: string | Buffer;
    readonly key: string | Buffer;
    readonly clientCa?: string | Buffer;
  };
  /** Who users are. Default: nobody is asked. */
  readonly passwords?: Passwords;
  /** Bearer tokens, and the end-point that gives them out against a password. */
  readonly tokens?: TokenOptions;
  /** Who may do what. Default: everybody everything without `passwords`, else every user everything. */
  readonly rights?: readonly AccessRule[];
  /** Refuse every change. Default false. */
  readonly readOnly?: boolean;
  readonly deletes?: DeleteSwitches;
  /**
   * Which children must be here before a manifest is taken: `all`, only `blobs` (an index may be sparse then), or `none`.
   * Non-distributable layers and subjects never need to be. Default `all`.
   */
  readonly children?: "all" | "blobs" | "none";
  /** Answer `/v2/_catalog`. Default true. */
  readonly catalog?: boolean;
  /** Answer `/metrics`. Default true. */
  readonly metrics?: boolean;
  /** Bytes that all chunks of an upload but the last must have; told as `OCI-Chunk-Min-Length`. Default: any. */
  readonly minChunkBytes?: number;
  /** At most so many requests of one client address in so many milliseconds. Default: any. */
  readonly rateLimit?: { readonly requests: number; readonly perMs: number };
  readonly collection?: CollectionOptions;
  readonly limits?: Partial<ServerLimits>;
  /** Told of every request, failure and collection. Must not throw. */
  readonly log?: LogListener;
}

/** Options with their defaults filled in, as end-points see them. */
export interface Settings {
  readonly readOnly: boolean;
  readonly deletes: Required<DeleteSwitches>;
  readonly children: "all" | "blobs" | "none";
  readonly catalog: boolean;
  readonly metrics: boolean;
  readonly minChunkBytes: number;
  readonly limits: ServerLimits;
}

export function settingsOf(options: RegistryServerOptions): Settings {
  return {
    readOnly: options.readOnly ?? false,
    deletes: {
      tags: options.deletes?.tags ?? false,
      manifests: options.deletes?.manifests ?? false,
      blobs: options.deletes?.blobs ?? false,
    },
    children: options.children ?? "all",
    catalog: options.catalog ?? true,
    metrics: options.metrics ?? true,
    minChunkBytes: options.minChunkBytes ?? 0,
    limits: { ...defaultLimits, ...options.limits },
  };
}

/** The answer to whatever the operator switched off. */
export function switchedOff(what: string): Fault {
  return new Fault(405, "UNSUPPORTED", `${what} is switched off in this registry`);
}
