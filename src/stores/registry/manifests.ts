import { digestOf } from "../../bytes/hash.ts";
import { DigestMismatchError, isLadingError, LadingError } from "../../errors.ts";
import type { Descriptor } from "../../spec/descriptor.ts";
import { algorithmOf, type Digest, isDigest, shortDigest } from "../../spec/digest.ts";
import { childrenOf } from "../../spec/graph.ts";
import { limits } from "../../spec/limits.ts";
import { type Manifest, parseManifest } from "../../spec/manifest.ts";
import { manifestAccept, mediaTypes } from "../../spec/media-type.ts";
import { isTag } from "../../spec/reference.ts";
import { refuseWebPage } from "./http/errors.ts";
import type { Answer } from "./http/exchange.ts";
import type { KnownManifest } from "./memo.ts";
import { hasNode } from "./presence.ts";
import type { RepositorySession } from "./session.ts";

/** Content types that say nothing about which manifest it is. */
const vague: ReadonlySet<string> = new Set(["", "application/json", "text/plain", mediaTypes.octetStream]);

/**
 * Reads a manifest by tag or digest. The bytes always have the digest that was asked for; for a tag, the digest that
 * the registry names, where it names one.
 * @throws LadingError ERR_LADING_NOT_FOUND; DigestMismatchError
 */
export async function getManifest(
  session: RepositorySession,
  reference: string,
  signal: AbortSignal | undefined,
): Promise<KnownManifest & { readonly etag?: string }> {
  if (isDigest(reference)) {
    const known = session.memo.manifest(reference);
    if (known !== undefined) return known;
  }
  const what = `read manifest ${isDigest(reference) ? shortDigest(reference) : reference}`;
  for (let attempt = 1; ; attempt++) {
    const { answer, bytes } = await session.read(
      {
        method: "GET",
        to: `manifests/${reference}`,
        what,
        access: "pull",
        headers: { accept: manifestAccept.join(", ") },
        expect: [200],
        signal,
      },
      limits.manifestBytes,
    );
    try {
      const descriptor = describe(answer, bytes, reference, session.label);
      const known = { descriptor, bytes };
      session.memo.keep(known);
      session.memo.learn({ kind: "manifest", descriptor }, true);
      const etag = answer.headers.get("etag");
      return etag === undefined ? known : { ...known, etag };
    } catch (error) {
      // Bytes may be damaged on their way, and be right the next time.
      const call = { registry: session.registry, what, signal };
      await session.exchange.waitToRetry(error, attempt, call);
    }
  }
}

function describe(answer: Answer, bytes: Buffer, reference: string, place: string): Descriptor {
  refuseWebPage(answer.headers.get("content-type"), place);
  const stated = answer.headers.get("docker-content-digest");
  const expected = isDigest(reference) ? reference : isDigest(stated) ? stated : undefined;
  const digest = digestOf(bytes, expected === undefined ? "sha256" : algorithmOf(expected));
  if (expected !== undefined && digest !== expected) {
    throw new DigestMismatchError(expected, digest, { place, retryable: true });
  }
  return { mediaType: mediaTypeOf(answer, bytes), digest, size: bytes.byteLength };
}

function mediaTypeOf(answer: Answer, bytes: Buffer): string {
  const type = (answer.headers.get("content-type") ?? "").split(";", 1)[0]?.trim().toLowerCase() ?? "";
  if (!vague.has(type)) return type;
  try {
    return parseManifest(bytes).mediaType;
  } catch (error) {
    if (isLadingError(error)) return type === "" ? mediaTypes.octetStream : type;
    throw error;
  }
}

export interface PutManifest {
  /** The registry says that it lists this manifest among its subject's referrers. */
  readonly subjectDone: boolean;
  /** Tags that the registry says it has given along the way (`OCI-Tag`). */
  readonly tags: readonly string[];
}

/** Writes a manifest under a digest or tag. */
export async function putManifest(
  session: RepositorySession,
  manifest: KnownManifest,
  reference: string,
  options: { readonly signal: AbortSignal | undefined; readonly ifMatch?: string; readonly tag?: string },
): Promise<PutManifest> {
  const { descriptor, bytes } = manifest;
  const answer = await session.send({
    method: "PUT",
    to: `manifests/${reference}${options.tag === undefined ? "" : `?${new URLSearchParams({ tag: options.tag })}`}`,
    what: `write manifest ${isDigest(reference) ? shortDigest(reference) : reference}`,
    access: "push",
    headers: {
      "content-type": descriptor.mediaType,
      ...(options.ifMatch === undefined ? {} : { "if-match": options.ifMatch }),
    },
    body: { size: bytes.byteLength, open: async () => once(bytes) },
    expect: [201, 200, 202],
    headersTimeoutMs: 300_000,
    signal: options.signal,
  });
  await answer.discard();
  if (/^text\/html/i.test(answer.headers.get("content-type") ?? "")) {
    throw new LadingError(
      "ERR_LADING_REGISTRY",
      "a web page came in place of the registry's answer to a manifest",
      {
        place: session.label,
        hint: "a gateway or a login page stands before the registry",
      },
    );
  }
  checkDigest(answer, descriptor.digest, session.label);
  session.memo.keep({ descriptor: bare(descriptor), bytes });
  session.memo.learn({ kind: "manifest", descriptor }, true);
  return {
    subjectDone: answer.headers.get("oci-subject") !== undefined,
    tags: answer.headers.all("oci-tag").flatMap((line) => line.split(",").map((tag) => tag.trim())),
  };
}

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}

/** What the manifest is by itself, without what a parent says about it. */
function bare({ mediaType, digest, size }: Descriptor): Descriptor {
  return { mediaType, digest, size };
}

/** The registry's own digest has to be ours, where it names one of the same algorithm. */
export function checkDigest(answer: Answer, expected: Digest, place: string): void {
  const stated = answer.headers.get("docker-content-digest");
  if (isDigest(stated) && algorithmOf(stated) === algorithmOf(expected) && stated !== expected) {
    throw new DigestMismatchError(expected, stated, { place });
  }
}

/**
 * Writes a manifest, by its name where it gets one and the registry will find the same digest for it (sha256), else by
 * digest. When the registry says that children are missing, they are looked up again, since
 * registries with several servers may need a moment; then it is tried once more.
 * @throws LadingError ERR_LADING_MISSING_CONTENT naming the children that went missing
 */
export async function writeManifest(
  session: RepositorySession,
  manifest: KnownManifest,
  name: string | undefined,
  signal: AbortSignal | undefined,
): Promise<PutManifest> {
  const { digest } = manifest.descriptor;
  const alias = name !== undefined && isTag(name) && algorithmOf(digest) === "sha256" ? name : undefined;
  const put = async (): Promise<PutManifest> => {
    const done = await putManifest(session, manifest, alias ?? digest, { signal });
    if (alias !== undefined) session.memo.named(alias, digest);
    return done;
  };
  try {
    return await put();
  } catch (error) {
    if (!isLadingError(error)) throw error;
    if (error.code !== "ERR_LADING_MISSING_CONTENT") throw error;
    const missing = await missingChildren(
      session,
      parseManifest(manifest.bytes, manifest.descriptor.mediaType),
      signal,
    );
    if (missing.length > 0) {
      throw new LadingError(
        "ERR_LADING_MISSING_CONTENT",
        `manifest ${shortDigest(digest)} needs ${missing.join(", ")}, which ${missing.length === 1 ? "is" : "are"} not there`,
        {
          place: session.label,
          hint: "run the same again: what is missing is sent then",
          retryable: true,
          cause: error,
        },
      );
    }
    return put();
  }
}

async function missingChildren(
  session: RepositorySession,
  manifest: Manifest,
  signal: AbortSignal | undefined,
): Promise<readonly Digest[]> {
  const missing: Digest[] = [];
  for (const child of childrenOf(manifest)) {
    if (child.optional) continue;
    session.memo.learn(child, undefined);
    if (!(await hasNode(session, child, signal))) missing.push(child.descriptor.digest);
  }
  return missing;
}

/**
 * Gives a manifest a name. Behind a tag a registry takes content for sha256; a name for another digest has to be given
 * along with that digest (distribution-spec, `PUT …/manifests/<digest>?tag=`), where the registry can.
 */
export async function tagManifest(
  session: RepositorySession,
  manifest: KnownManifest,
  tag: string,
  signal: AbortSignal | undefined,
): Promise<void> {
  const { digest } = manifest.descriptor;
  if (algorithmOf(digest) !== "sha256") {
    const { tags } = await putManifest(session, manifest, digest, { signal, tag });
    if (tags.includes(tag)) return;
  }
  await putManifest(session, manifest, tag, { signal });
}
