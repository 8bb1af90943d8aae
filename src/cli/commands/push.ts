import { resolve } from "node:path";
import { LadingError } from "../../errors.ts";
import { buildImage } from "../../image/document.ts";
import { createLayer } from "../../image/layer/create.ts";
import { NewImage } from "../../image/new-image.ts";
import { parsePlatform } from "../../spec/platform.ts";
import { isTag } from "../../spec/reference.ts";
import type { Context, OptionsOf, Outcome } from "../command.ts";
import { parseCompression } from "../compression.ts";
import { copyOutcome } from "../copy-outcome.ts";
import { parseLabels } from "../labels.ts";
import { Places } from "../places.ts";
import type { pushSpec } from "../tree/push.ts";

type Options = OptionsOf<typeof pushSpec>;

export async function run(options: Options, context: Context): Promise<Outcome> {
  // An image without files would take the tag from a good one.
  if (options.file.length === 0) {
    throw new LadingError("ERR_LADING_USAGE", "--file (-f) has to say what to push", {
      hint: "name a folder or a file: lading push -i REF -f PATH",
    });
  }
  const compression = parseCompression(options.compression);
  const labels = parseLabels(options.labels);
  const platform = parsePlatform(options.platform);
  await using places = new Places(options, context);
  const to = await places.sink(options.image, options);
  const tags = [...new Set([to.tag ?? "latest", ...options.tag.map(checkedTag)])];
  const inputs = options.file.map((path) => ({
    path: resolve(context.environment.cwd, path),
    exclude: options.fileExclusion,
  }));
  await using layer = await createLayer(inputs, {
    ...compression,
    tempDir: context.environment.tempDir,
    preservePermissions: options.preservePermissions,
    on: context.on,
    signal: context.signal,
  });
  const documents = buildImage({ layers: [layer], platform, labels });
  const fromName = options.file.join(", ");
  const image = await NewImage.of(fromName, documents, [layer]);
  const request = { from: image, reference: image.root, fromName, to: to.sink, place: to, tags };
  return await copyOutcome([request], { plan: options.plan, verb: "Pushed" }, context);
}

function checkedTag(text: string): string {
  if (isTag(text)) return text;
  throw new LadingError("ERR_LADING_REFERENCE", `not a tag: '${text}'`, {
    hint: "a tag has letters, digits, '_', '.' and '-', at most 128 of them",
  });
}
