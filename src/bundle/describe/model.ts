/**
 * A bundle as `describe` tells of it: plain data, which is also its JSON and YAML form. The keys are imgpkg's; `platforms`
 * and what `metadata` holds are Lading's.
 */
import type { Digest } from "../../spec/digest.ts";

export type DescribedLayer = {
  readonly digest: Digest;
};

/** One image of a multi-platform image. */
export type DescribedPlatform = {
  readonly digest: Digest;
  /** Such as `linux/arm/v7`; left out where the index does not say. */
  readonly platform?: string;
};

/** What the image is to the bundle: named by its lock, kept beside an image by cosign, or written by a copy. */
export type DescribedType = "Image" | "Signature" | "Attestation" | "SBOM" | "Internal";

type Described = {
  readonly annotations?: Readonly<Record<string, string>>;
  /** Where it was found. */
  readonly image: string;
  /** An image's own layers; of a multi-platform image those for linux/amd64, where it has that. */
  readonly layers?: readonly DescribedLayer[];
  /** What the lock calls it. */
  readonly origin: string;
};

export type DescribedImage = Described & {
  readonly imageType: DescribedType;
  readonly platforms?: readonly DescribedPlatform[];
};

/** Something that the registry does not let us see. */
export type DescribedError = {
  readonly error: string;
  readonly imageType: DescribedType;
};

export type DescribedContent = {
  readonly bundles?: Readonly<Record<Digest, DescribedBundle>>;
  /** By digest; by reference what could not be seen. */
  readonly images?: Readonly<Record<string, DescribedImage | DescribedError>>;
};

/** What `.imgpkg/bundle.yml` says. */
export type DescribedMetadata = {
  readonly authors?: readonly { readonly name?: string; readonly email?: string }[];
  readonly metadata?: Readonly<Record<string, string>>;
  readonly websites?: readonly { readonly url: string }[];
};

export type DescribedBundle = Described & {
  readonly content: DescribedContent;
  readonly metadata: DescribedMetadata;
};

/** The whole of it. */
export type BundleDescription = DescribedBundle & {
  readonly sha: Digest;
};
