import type { EventListener } from "../../events.ts";
import type { UnpackOptions } from "../../image/unpack/options.ts";
import type { CallOptions } from "../../stores/store.ts";

export interface PullOptions extends CallOptions {
  readonly on?: EventListener;
}

/** How bundles and images are unpacked. */
export function unpackOptions(options: PullOptions): UnpackOptions {
  return {
    ...options,
    existing: "replace",
    modes: "shared",
    // Debian and others have /lib as a link; upper layers of their images write to lib/x.
    throughLinks: "inside",
  };
}
