import { lockName, pinnedIn } from "../../bundle/documents/names.ts";
import type { Context, OptionsOf, Outcome } from "../command.ts";
import { Places } from "../places.ts";
import type { tagResolveSpec } from "../tree/tags.ts";

/** The image by its digest; registries go by the names that locks have. A digest is looked up, too: it may not be there. */
export async function run(options: OptionsOf<typeof tagResolveSpec>, context: Context): Promise<Outcome> {
  await using places = new Places(options, context);
  const { source, ...place } = await places.source(options.image);
  const { digest, mediaType, size } = await source.resolve(place.reference, { signal: context.signal });
  const reference =
    source.location === undefined ? place.nameOf(digest) : lockName(pinnedIn(source.location, digest));
  return {
    data: { reference, digest, mediaType, size },
    text: reference,
    imgpkg: [{ kind: "block", text: reference }],
  };
}
