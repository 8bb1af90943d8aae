import { artifact, blob, type Content } from "../../support/content.ts";

/** Layers of which several are on their way at once, big enough to be noted in the middle. */
export function bigImage(): Content {
  const sizes = [24, 17, 12, 3, 1];
  return artifact({ blobs: sizes.map((mebibytes, i) => blob(mebibytes << 20, 500 + i)) });
}
