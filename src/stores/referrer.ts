import type { Descriptor } from "../spec/descriptor.ts";
import type { Manifest } from "../spec/manifest.ts";

/**
 * How a manifest appears in the list of its subject's referrers (distribution-spec, "Listing Referrers"): with its
 * annotations, and with its artifactType, for which an image's config media type stands in; an index has no such stand-in.
 */
export function referrerDescriptor(descriptor: Descriptor, manifest: Manifest): Descriptor {
  const artifactType =
    manifest.artifactType ?? (manifest.kind === "image" ? manifest.config.mediaType : undefined);
  return {
    mediaType: descriptor.mediaType,
    digest: descriptor.digest,
    size: descriptor.size,
    ...(manifest.annotations === undefined ? {} : { annotations: manifest.annotations }),
    ...(artifactType === undefined ? {} : { artifactType }),
  };
}

/** Bytewise order, as registries sort tags; not that of a locale. */
export function compareBytewise(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b));
}

/** Referrers in a stable order, with only one artifact type when one is asked for. */
export function selectReferrers(
  referrers: Iterable<Descriptor>,
  artifactType: string | undefined,
): readonly Descriptor[] {
  const wanted = [...referrers].filter(
    (descriptor) => artifactType === undefined || descriptor.artifactType === artifactType,
  );
  return wanted.sort((a, b) => compareBytewise(a.digest, b.digest));
}
