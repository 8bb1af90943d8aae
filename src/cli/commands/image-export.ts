import { resolve } from "node:path";
import { LadingError } from "../../errors.ts";
import { exportFilesystem } from "../../image/export.ts";
import type { Context, OptionsOf, Outcome } from "../command.ts";
import { imageOf } from "../image-of.ts";
import { writeOutputFile } from "../output-file.ts";
import { Places } from "../places.ts";
import type { imageExportSpec } from "../tree/places.ts";
import { formatBytes } from "../units.ts";

type Options = OptionsOf<typeof imageExportSpec> & { readonly json: boolean };

export async function run(
  options: Options,
  context: Context,
  [name = ""]: readonly string[],
): Promise<Outcome> {
  const toStdout = options.output === "-";
  if (toStdout && options.json)
    throw usage("the tar and the JSON document cannot both go to standard output");
  if (toStdout && context.stdoutIsTerminal) throw usage("a tar on a terminal is of no use");
  await using places = new Places(options, context);
  const place = await places.source(name);
  const { descriptor, manifest } = await imageOf(place, options.platform, context);
  const stream = exportFilesystem(place.source, manifest, { signal: context.signal });
  if (toStdout) {
    for await (const chunk of stream) await context.write(chunk);
    return { data: {}, text: "" };
  }
  const written = await writeOutputFile(resolve(context.environment.cwd, options.output), stream);
  return {
    data: { image: place.nameOf(descriptor.digest), file: options.output, ...written },
    text: `Wrote ${options.output} (${formatBytes(written.size)}, ${written.digest})`,
    quiet: "",
  };
}

function usage(message: string): LadingError {
  return new LadingError("ERR_LADING_USAGE", message, { hint: "write to a file with -o FILE" });
}
