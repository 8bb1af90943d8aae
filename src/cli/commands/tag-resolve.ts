import type { Context, OptionsOf, Outcome } from "../command.ts";
import { Places } from "../places.ts";
import type { tagResolveSpec } from "../tree/tags.ts";

export async function run(options: OptionsOf<typeof tagResolveSpec>, context: Context): Promise<Outcome> {
  await using places = new Places(options, context);
  const place = await places.source(options.image);
  const { digest, mediaType, size } = await place.source.resolve(place.reference, { signal: context.signal });
  const reference = place.nameOf(digest);
  return { data: { reference, digest, mediaType, size }, text: reference };
}
