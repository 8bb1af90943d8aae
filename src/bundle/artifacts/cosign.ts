import { isLadingError } from "../../errors.ts";
import type { Descriptor } from "../../spec/descriptor.ts";
import type { Digest } from "../../spec/digest.ts";
import type { CallOptions, Source } from "../../stores/store.ts";
import { cosignTag } from "../documents/names.ts";

/** What cosign keeps under a tag beside an image: signatures, attestations, SBOMs. */
export type CosignKind = "sig" | "att" | "sbom";

export const cosignKinds: readonly CosignKind[] = ["sig", "att", "sbom"];

export interface CosignArtifact {
  readonly kind: CosignKind;
  readonly tag: string;
  readonly descriptor: Descriptor;
}

export interface FindCosignOptions extends CallOptions {
  /**
   * Called when the repository does not let us look (403), which then counts as there being nothing. Without it such an
   * answer is thrown like any other failure.
   */
  readonly onDenied?: (error: unknown) => void;
}

/**
 * What cosign has kept for an image in its repository: one request for each kind. Nothing there is no error.
 * @throws what the source throws; ERR_LADING_UNAUTHORIZED (401) always, since credentials may be all that is missing
 */
export async function findCosignArtifacts(
  source: Source,
  digest: Digest,
  kinds: readonly CosignKind[],
  { onDenied, ...options }: FindCosignOptions = {},
): Promise<CosignArtifact[]> {
  const found: CosignArtifact[] = [];
  for (const kind of kinds) {
    const tag = cosignTag(digest, kind);
    try {
      found.push({ kind, tag, descriptor: await source.resolve(tag, options) });
    } catch (error) {
      if (!isLadingError(error)) throw error;
      if (error.code === "ERR_LADING_NOT_FOUND") continue;
      if (error.code !== "ERR_LADING_DENIED" || onDenied === undefined) throw error;
      onDenied(error);
    }
  }
  return found;
}
