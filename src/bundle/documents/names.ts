/** How bundles, their images and their parts are called in locks and in registries. */
import { LadingError } from "../../errors.ts";
import { algorithmOf, type Digest, hexOf } from "../../spec/digest.ts";
import { parseReference, type Reference } from "../../spec/reference.ts";
import type { RepositoryLocation } from "../../stores/store.ts";

/** An image whose config has this label, with any value, is a bundle. */
export const bundleLabel = "dev.carvel.imgpkg.bundle";

/** Stands in locks: a reference whose digest is known. */
export interface PinnedReference extends Reference {
  readonly digest: Digest;
}

/**
 * Parses a reference that has to have a digest; a tag beside it is dropped.
 * @throws LadingError ERR_LADING_REFERENCE; ERR_LADING_DOCUMENT with imgpkg's sentence when there is no digest
 */
export function parsePinned(text: string): PinnedReference {
  const { registry, repository, digest } = parseReference(text);
  if (digest === undefined) {
    throw new LadingError("ERR_LADING_DOCUMENT", `Expected ref to be in digest form, got '${text}'`);
  }
  return { registry, repository, digest };
}

/** This image in that repository. */
export function pinnedIn({ registry, repository }: RepositoryLocation, digest: Digest): PinnedReference {
  return { registry, repository, digest };
}

/** The repository as imgpkg writes it: Docker Hub goes by the name of its index. */
export function lockRepositoryName({ registry, repository }: RepositoryLocation): string {
  return `${registry === "docker.io" ? "index.docker.io" : registry}/${repository}`;
}

/** A reference as imgpkg writes it in locks and messages, such as `index.docker.io/library/nginx@sha256:…`. */
export function lockName(reference: Reference): string {
  const suffix =
    reference.digest !== undefined ? `@${reference.digest}` : reference.tag ? `:${reference.tag}` : "";
  return `${lockRepositoryName(reference)}${suffix}`;
}

/** The tag that keeps a copied image from being collected: `sha256-<hex>.imgpkg`. */
export function generatedTag(digest: Digest): string {
  return `${tagPrefix(digest)}.imgpkg`;
}

/** The tag of the image that tells where a bundle's images are. */
export function locationsTag(bundle: Digest): string {
  return `${tagPrefix(bundle)}.image-locations.imgpkg`;
}

/** Whether a tag is one of those that pushes and copies leave for themselves. People look for others. */
export function isInternalTag(tag: string): boolean {
  return tag.endsWith(".imgpkg");
}

/** The tag under which cosign keeps what belongs to an image. */
export function cosignTag(digest: Digest, kind: "sig" | "att" | "sbom"): string {
  return `${tagPrefix(digest)}.${kind}`;
}

function tagPrefix(digest: Digest): string {
  return `${algorithmOf(digest)}-${hexOf(digest)}`;
}
