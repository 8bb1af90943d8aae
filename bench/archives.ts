import type { ImageShape } from "./images.ts";
import type { Bench } from "./scenario.ts";

const mib = 1024 * 1024;

export const skopeoCopy = "skopeo --insecure-policy copy -q --all --preserve-digests";

/** The image that goes into archives and out of them. */
export function archivedImage({ quick }: Bench): ImageShape {
  const layers = Array.from({ length: 4 }, (_, i) => ({ name: `layer-${i}`, size: (quick ? 8 : 64) * mib }));
  return { tag: "v1", layers };
}

export function inputText({ quick }: Bench): string {
  return `an image with 4 layers of ${quick ? 8 : 64} MiB`;
}
