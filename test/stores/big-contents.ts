import { artifact, blob, type Content, image } from "../support/content.ts";

/** Content that takes a while to write: a few blobs of some MiB, a shared one, and small images. */
export function bigContents(): readonly Content[] {
  const shared = blob(3_000_000, 50);
  return [
    artifact({ seed: 1, blobs: [blob(5_000_000, 51), shared] }),
    artifact({ seed: 2, blobs: [shared, blob(4_000_000, 52, "sha512")] }),
    image({ seed: 3, layers: 3 }),
  ];
}

/** Bytes of all its nodes. */
export function bytesOfContents(contents: readonly Content[]): number {
  const nodes = new Map(contents.flatMap(({ nodes }) => nodes.map((each) => [each.descriptor.digest, each])));
  return [...nodes.values()].reduce((sum, { bytes }) => sum + bytes.length, 0);
}
