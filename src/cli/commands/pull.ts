import { unpackImage } from "../../image/unpack/unpack.ts";
import type { Context, OptionsOf, Outcome } from "../command.ts";
import { imageOf } from "../image-of.ts";
import { checkOutputFolder } from "../output-folder.ts";
import { Places } from "../places.ts";
import type { pullSpec } from "../tree/pull.ts";
import { count, formatBytes } from "../units.ts";

export async function run(options: OptionsOf<typeof pullSpec>, context: Context): Promise<Outcome> {
  const target = await checkOutputFolder(options.output, context.environment);
  await using places = new Places(options, context);
  const place = await places.source(options.image);
  const { descriptor, manifest } = await imageOf(place, options.platform, context);
  const image = place.nameOf(descriptor.digest);
  const bytes = manifest.layers.reduce((sum, layer) => sum + layer.size, 0);
  if (options.plan) {
    return {
      data: { image, output: options.output, layers: manifest.layers, bytes },
      text: `Would pull ${image}\n  into ${options.output}: ${count(manifest.layers.length, "layer")}, ${formatBytes(bytes)}`,
    };
  }
  const result = await unpackImage(place.source, manifest, target, {
    existing: "replace",
    // Debian and others have /lib as a link; upper layers of their images write to lib/x.
    throughLinks: "inside",
    on: context.on,
    signal: context.signal,
  });
  return {
    data: { image, digest: descriptor.digest, output: options.output, ...result },
    text: `Pulled ${image}\n  into ${options.output}: ${count(result.files, "file")}, ${formatBytes(result.bytes)}`,
    quiet: image,
  };
}
