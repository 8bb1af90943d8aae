import { digestOf } from "../../bytes/hash.ts";
import { isLadingError, LadingError, RegistryError } from "../../errors.ts";
import { type Descriptor, descriptorToJson } from "../../spec/descriptor.ts";
import { algorithmOf, type Digest, hexOf, shortDigest } from "../../spec/digest.ts";
import { limits } from "../../spec/limits.ts";
import { type Index, parseManifest } from "../../spec/manifest.ts";
import { mediaTypes } from "../../spec/media-type.ts";
import { pages } from "./lists.ts";
import { getManifest, putManifest } from "./manifests.ts";
import { hasNode } from "./presence.ts";
import type { RepositorySession } from "./session.ts";

/** The tag that lists a subject's referrers where the API is missing (distribution-spec, "Referrers Tag Schema"). */
export function referrersTag(subject: Digest): string {
  return `${algorithmOf(subject)}-${hexOf(subject).slice(0, 64)}`;
}

/** Descriptors of the manifests with this subject, from the API or from the fallback tag. */
export async function* listReferrers(
  session: RepositorySession,
  subject: Digest,
  artifactType: string | undefined,
  signal: AbortSignal | undefined,
): AsyncGenerator<Descriptor> {
  const wanted = (descriptor: Descriptor): boolean =>
    artifactType === undefined || descriptor.artifactType === artifactType;
  const seen = new Set<Digest>();
  if (session.features.referrersApi !== false) {
    let items = 0;
    for await (const page of apiPages(session, subject, artifactType, signal)) {
      for (const descriptor of page) {
        if (++items > limits.listItems) {
          throw new LadingError("ERR_LADING_LIMIT", `there are more than ${limits.listItems} referrers`, {
            place: session.label,
          });
        }
        if (seen.has(descriptor.digest) || !wanted(descriptor)) continue;
        seen.add(descriptor.digest);
        yield descriptor;
      }
    }
    if (session.features.referrersApi === true) return;
  }
  const { manifests } = await readFallback(session, subject, signal);
  for (const descriptor of manifests) {
    if (seen.has(descriptor.digest) || !wanted(descriptor)) continue;
    seen.add(descriptor.digest);
    yield descriptor;
  }
}

/** Pages of the API; sets `features.referrersApi` from the first answer. No API: no pages. */
async function* apiPages(
  session: RepositorySession,
  subject: Digest,
  artifactType: string | undefined,
  signal: AbortSignal | undefined,
): AsyncGenerator<readonly Descriptor[]> {
  const query = artifactType === undefined ? "" : `?${new URLSearchParams({ artifactType })}`;
  const first = {
    method: "GET",
    to: `referrers/${subject}${query}`,
    what: `list referrers of ${shortDigest(subject)}`,
    access: "pull",
    headers: { accept: mediaTypes.ociIndex },
    expect: [200, 400, 404, 405, 406, 501],
    signal,
  } as const;
  let pageNumber = 0;
  try {
    for await (const page of pages(session, first)) {
      const isIndex = page.status === 200 && page.contentType.toLowerCase().startsWith(mediaTypes.ociIndex);
      if (++pageNumber === 1) {
        session.features.referrersApi = isIndex;
        if (!isIndex) return;
      }
      const index = parseManifest(page.bytes, mediaTypes.ociIndex);
      if (index.kind !== "index") return;
      yield index.manifests;
    }
  } catch (error) {
    // GHCR answers with a redirect to a web page elsewhere, which may be anything.
    if (pageNumber > 0 || !(isLadingError(error) && noApiAfter(error))) throw error;
    session.features.referrersApi = false;
  }
}

function noApiAfter(error: LadingError): boolean {
  return error.code === "ERR_LADING_LIMIT" || (error.code === "ERR_LADING_REGISTRY" && !error.retryable);
}

interface Fallback {
  readonly manifests: readonly Descriptor[];
  readonly digest: Digest | undefined;
  readonly etag: string | undefined;
}

/** The fallback tag's list; empty where there is none. */
async function readFallback(
  session: RepositorySession,
  subject: Digest,
  signal: AbortSignal | undefined,
): Promise<Fallback> {
  try {
    const { descriptor, bytes, etag } = await getManifest(session, referrersTag(subject), signal);
    const index = parseManifest(bytes, descriptor.mediaType);
    // A tag of this form that holds something else (an old image signature) is not a list, and is not ours to replace.
    if (index.kind !== "index") {
      throw new LadingError(
        "ERR_LADING_CONFLICT",
        `tag ${referrersTag(subject)} should list referrers and is an image`,
        {
          place: session.label,
        },
      );
    }
    return { manifests: (index as Index).manifests, digest: descriptor.digest, etag };
  } catch (error) {
    if (isLadingError(error) && error.code === "ERR_LADING_NOT_FOUND") {
      return { manifests: [], digest: undefined, etag: undefined };
    }
    throw error;
  }
}

interface Change {
  readonly kind: "add" | "remove";
  readonly descriptor: Descriptor;
  readonly done: () => void;
  readonly failed: (error: unknown) => void;
}

/** Changes of fallback lists: those of this process to one subject are merged into few writes, in order. */
export interface ReferrersFallback {
  change(
    kind: "add" | "remove",
    subject: Digest,
    referrer: Descriptor,
    signal: AbortSignal | undefined,
  ): Promise<void>;
}

const mostRounds = 5;

export function createReferrersFallback(session: RepositorySession): ReferrersFallback {
  const queues = new Map<Digest, Change[]>();

  const work = async (subject: Digest, queue: Change[]): Promise<void> => {
    while (queue.length > 0) {
      const batch = queue.splice(0);
      try {
        await apply(session, subject, batch);
        for (const change of batch) change.done();
      } catch (error) {
        for (const change of batch) change.failed(error);
      }
    }
    queues.delete(subject);
  };

  return {
    change: (kind, subject, descriptor, signal) => {
      signal?.throwIfAborted();
      return new Promise<void>((done, failed) => {
        const change: Change = { kind, descriptor, done, failed };
        const queue = queues.get(subject);
        if (queue !== undefined) {
          queue.push(change);
          return;
        }
        const fresh = [change];
        queues.set(subject, fresh);
        void work(subject, fresh);
      });
    },
  };
}

/**
 * Read, change, write with `If-Match` where the registry gives an ETag, read back: another writer that came in between
 * shows as a list without our change, and then all of it is done again.
 */
async function apply(session: RepositorySession, subject: Digest, changes: readonly Change[]): Promise<void> {
  for (let round = 1; ; round++) {
    const before = await readFallback(session, subject, undefined);
    const after = merge(before.manifests, changes);
    if (after === undefined) return;
    try {
      await writeList(session, subject, after, before.etag);
    } catch (error) {
      const lost = error instanceof RegistryError && (error.status === 412 || error.status === 409);
      if (!lost || round >= mostRounds) throw error;
      continue;
    }
    const now = await readFallback(session, subject, undefined);
    if (merge(now.manifests, changes) === undefined) return;
    if (round >= mostRounds) {
      throw new LadingError(
        "ERR_LADING_CONFLICT",
        `others keep changing tag ${referrersTag(subject)} at the same time`,
        {
          place: session.label,
          retryable: true,
          hint: "try again; this registry has no referrers API, so writers have to take turns",
        },
      );
    }
  }
}

/** A registry may refuse a list with a manifest that somebody has removed: then such entries are left out. */
async function writeList(
  session: RepositorySession,
  subject: Digest,
  manifests: readonly Descriptor[],
  etag: string | undefined,
): Promise<void> {
  const put = (list: readonly Descriptor[]) =>
    putManifest(session, indexOf(list), referrersTag(subject), {
      signal: undefined,
      ...(etag === undefined ? {} : { ifMatch: etag }),
    });
  try {
    await put(manifests);
  } catch (error) {
    if (!isLadingError(error) || error.code !== "ERR_LADING_MISSING_CONTENT") throw error;
    const there: Descriptor[] = [];
    for (const descriptor of manifests) {
      const node = { kind: "manifest", descriptor } as const;
      session.memo.learn(node, undefined);
      if (await hasNode(session, node, undefined)) there.push(descriptor);
    }
    if (there.length === manifests.length) throw error;
    await put(there);
  }
}

/** @returns undefined when nothing changes */
function merge(
  manifests: readonly Descriptor[],
  changes: readonly Change[],
): readonly Descriptor[] | undefined {
  const list = new Map(manifests.map((descriptor) => [descriptor.digest, descriptor]));
  let changed = false;
  for (const { kind, descriptor } of changes) {
    if (kind === "add" && !list.has(descriptor.digest)) {
      list.set(descriptor.digest, descriptor);
      changed = true;
    }
    if (kind === "remove" && list.delete(descriptor.digest)) changed = true;
  }
  return changed ? [...list.values()] : undefined;
}

function indexOf(manifests: readonly Descriptor[]) {
  const bytes = Buffer.from(
    JSON.stringify({
      schemaVersion: 2,
      mediaType: mediaTypes.ociIndex,
      manifests: manifests.map(descriptorToJson),
    }),
  );
  return {
    bytes,
    descriptor: { mediaType: mediaTypes.ociIndex, digest: digestOf(bytes), size: bytes.byteLength },
  };
}
