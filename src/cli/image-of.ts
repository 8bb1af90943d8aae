import { type SelectedManifest, selectManifest } from "../image/select-image.ts";
import { parsePlatform } from "../spec/platform.ts";
import type { Context } from "./command.ts";
import type { SourcePlace } from "./places.ts";

/** The one image that a place and the `--platform` flag name. */
export function imageOf(
  { source, reference }: SourcePlace,
  platform: string | undefined,
  context: Context,
): Promise<SelectedManifest> {
  return selectManifest(source, reference, {
    signal: context.signal,
    ...(platform === undefined ? {} : { platform: parsePlatform(platform) }),
  });
}
