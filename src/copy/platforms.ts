import { LadingError } from "../errors.ts";
import type { Descriptor } from "../spec/descriptor.ts";
import type { Digest } from "../spec/digest.ts";
import { limits } from "../spec/limits.ts";
import type { Index } from "../spec/manifest.ts";
import { isIndexType } from "../spec/media-type.ts";
import type { Platform } from "../spec/platform.ts";
import { imagesOf, selectManifests } from "../spec/select.ts";
import { readConfig, readManifest } from "../stores/read.ts";
import type { Source } from "../stores/store.ts";
import type { ManifestEdges } from "./manifest-reader.ts";
import type { CopyRequest } from "./request.ts";

/** The platform that an image's own config tells; undefined when it tells none, or cannot be read. */
export async function platformOf(
  source: Source,
  image: Descriptor,
  signal: AbortSignal,
): Promise<Platform | undefined> {
  try {
    const manifest = await readManifest(source, image, { signal });
    if (manifest.kind !== "image") return undefined;
    return (await readConfig(source, manifest.config, { signal })).platform;
  } catch {
    signal.throwIfAborted();
    return undefined;
  }
}

/** Names the image that an attestation in the same index is about (BuildKit's attestation storage). */
const attestationSubject = "vnd.docker.reference.digest";

export interface PlatformChoice {
  readonly root: Descriptor;
  /** Digests of manifests that go along; undefined means all. */
  readonly kept?: ReadonlySet<Digest>;
  /** Images that stay behind. */
  readonly leftOut: number;
}

/**
 * Applies `platforms` and `keepIndex` of a `CopyRequest` to a root, looking into nested indexes.
 * @throws LadingError ERR_LADING_NOT_FOUND when a platform has no image
 */
export async function choosePlatforms(
  root: Descriptor,
  { platforms: wanted, keepIndex }: Required<Pick<CopyRequest, "platforms" | "keepIndex">>,
  read: (descriptor: Descriptor) => Promise<ManifestEdges | undefined>,
): Promise<PlatformChoice> {
  const top = await read(root);
  if (wanted.length === 0 || top?.kind !== "index") return { root, leftOut: 0 };

  const images = new Map<Digest, Descriptor>();
  const listedBy = new Map<Digest, Digest[]>();
  const seen = new Set<Digest>([root.digest]);
  let level: readonly { digest: Digest; edges: ManifestEdges }[] = [{ digest: root.digest, edges: top }];
  for (let depth = 0; level.length > 0; depth++) {
    if (depth > limits.graphDepth) {
      throw new LadingError(
        "ERR_LADING_LIMIT",
        `indexes nest deeper than ${limits.graphDepth} levels below ${root.digest}`,
      );
    }
    const nested: Descriptor[] = [];
    for (const { digest, edges } of level) {
      for (const { descriptor } of edges.children) {
        listedBy.set(descriptor.digest, [...(listedBy.get(descriptor.digest) ?? []), digest]);
        if (seen.has(descriptor.digest)) continue;
        seen.add(descriptor.digest);
        if (isIndexType(descriptor.mediaType)) nested.push(descriptor);
        else images.set(descriptor.digest, descriptor);
      }
    }
    const next: { digest: Digest; edges: ManifestEdges }[] = [];
    for (const descriptor of nested) {
      const edges = await read(descriptor);
      if (edges !== undefined) next.push({ digest: descriptor.digest, edges });
    }
    level = next;
  }

  // As one flat index: the best image for a platform may be listed at any level.
  const flat: Index = {
    kind: "index",
    mediaType: root.mediaType,
    raw: new Uint8Array(),
    manifests: [...images.values()],
  };
  const chosen = selectManifests(flat, wanted);
  const [only] = chosen;
  if (wanted.length === 1 && only !== undefined && !keepIndex) return { root: only, leftOut: 0 };

  const kept = new Set(chosen.map(({ digest }) => digest));
  for (const image of images.values()) {
    const about = image.annotations?.[attestationSubject];
    if (about !== undefined && chosen.some(({ digest }) => digest === about)) kept.add(image.digest);
  }
  const leftOut = imagesOf(flat).filter(({ digest }) => !kept.has(digest)).length;
  // The indexes on the way from the root to what is kept; the set grows while it is walked.
  for (const digest of kept) for (const parent of listedBy.get(digest) ?? []) kept.add(parent);
  return { root, kept, leftOut };
}
