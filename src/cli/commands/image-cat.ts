import { collect } from "../../bytes/collect.ts";
import { openFilesystem } from "../../image/filesystem/filesystem.ts";
import type { Context, OptionsOf, Outcome } from "../command.ts";
import { imageOf } from "../image-of.ts";
import { Places } from "../places.ts";
import type { imageCatSpec } from "../tree/places.ts";

type Options = OptionsOf<typeof imageCatSpec> & { readonly json: boolean };

/** Bytes of a file that may stand in a JSON document. */
const jsonLimit = 64 * 1024 * 1024;

export async function run(
  options: Options,
  context: Context,
  [name = "", path = ""]: readonly string[],
): Promise<Outcome> {
  await using places = new Places(options, context);
  const place = await places.source(name);
  const { manifest } = await imageOf(place, options.platform, context);
  const filesystem = await openFilesystem(place.source, manifest, { signal: context.signal });
  const content = await filesystem.read(path);
  if (options.json) {
    const bytes = await collect(content, jsonLimit, path);
    return { data: { path, size: bytes.byteLength, base64: bytes.toString("base64") }, text: "" };
  }
  for await (const chunk of content) await context.write(chunk);
  return { data: {}, text: "" };
}
