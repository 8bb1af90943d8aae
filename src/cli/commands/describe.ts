import { resolve } from "node:path";
import { type BundleToDescribe, describeBundle } from "../../bundle/describe/describe.ts";
import type { DescribeOptions } from "../../bundle/describe/describe-tree.ts";
import type { BundleDescription } from "../../bundle/describe/model.ts";
import { describeYaml } from "../../bundle/describe/yaml.ts";
import { lockName, parsePinned } from "../../bundle/documents/names.ts";
import { type BundleTar, openTar, rootBundleLabel } from "../../bundle/tar/open.ts";
import { LadingError } from "../../errors.ts";
import type { Digest } from "../../spec/digest.ts";
import { parseReference } from "../../spec/reference.ts";
import type { Context, OptionsOf, Outcome } from "../command.ts";
import { describeText } from "../describe-text.ts";
import type { ImgpkgPart } from "../imgpkg/parts.ts";
import { jsonText } from "../json-text.ts";
import { Places } from "../places.ts";
import type { describeSpec } from "../tree/describe.ts";

type Options = OptionsOf<typeof describeSpec>;
type OutputType = "text" | "yaml" | "json";

const outputTypes: readonly OutputType[] = ["text", "yaml", "json"];

export async function run(options: Options, context: Context): Promise<Outcome> {
  const outputType = outputTypeOf(options.outputType);
  if ((options.bundle ?? "") === "" ? options.tar === undefined : options.tar !== undefined) {
    throw new LadingError("ERR_LADING_USAGE", "Expected either --bundle (-b) or --tar as a source");
  }
  const description = await (options.tar === undefined
    ? describeRemote(options.bundle ?? "", options, context)
    : describeTar(options.tar, options, context));
  const parts = partsOf(description, outputType);
  return {
    data: description,
    text: parts.join(""),
    imgpkg: parts.map((text): ImgpkgPart => ({ kind: "block", text })),
  };
}

function outputTypeOf(text: string): OutputType {
  const found = outputTypes.find((each) => each === text);
  if (found !== undefined) return found;
  throw new LadingError(
    "ERR_LADING_USAGE",
    `--output-type can only have the following values [${outputTypes.join(", ")}]`,
  );
}

function describeOptions(options: Options, { signal, concurrency }: Context): DescribeOptions {
  const { layers, cosignArtifacts } = options;
  return { signal, layers, cosignArtifacts, ...(concurrency === undefined ? {} : { concurrency }) };
}

async function describeRemote(name: string, options: Options, context: Context): Promise<BundleDescription> {
  await using places = new Places(options, context);
  const reference = parseReference(name);
  const source = (await places.client(reference.registry)).repository(reference);
  return await describeBundle(
    { name, reference, source },
    places.repositories(),
    describeOptions(options, context),
  );
}

/** All of it from the file: no registry is asked. Images are called what they were called when the tar was written. */
async function describeTar(path: string, options: Options, context: Context): Promise<BundleDescription> {
  await using tar = await openTar(resolve(context.environment.cwd, path), { signal: context.signal });
  const names = new Map<Digest, string>(
    tar.roots.flatMap(({ descriptor, refs: [ref] }) =>
      ref === undefined ? [] : [[descriptor.digest, lockName(parsePinned(ref))]],
    ),
  );
  return await describeBundle(
    bundleIn(tar, path),
    { open: async () => tar },
    {
      ...describeOptions(options, context),
      nameOf: (reference) => names.get(reference.digest) ?? lockName(reference),
    },
  );
}

function bundleIn(tar: BundleTar, path: string): BundleToDescribe {
  const root = tar.roots.find(({ labels }) => labels !== undefined && Object.hasOwn(labels, rootBundleLabel));
  const [ref] = root?.refs ?? [];
  if (ref === undefined) {
    throw new LadingError("ERR_LADING_NOT_FOUND", "the tar does not say that a bundle was copied into it", {
      place: path,
      hint: "write it again with copy -b",
    });
  }
  return { name: path, reference: parsePinned(ref), source: tar };
}

/** Texts that together are the output; imgpkg gives its text line by line, and of its YAML the first line alone. */
function partsOf(description: BundleDescription, outputType: OutputType): string[] {
  if (outputType === "text") return describeText(description).map((line) => `${line}\n`);
  if (outputType === "json") return [`${jsonText(description, 2)}\n`];
  const yaml = describeYaml(description);
  const end = yaml.indexOf("\n") + 1;
  return [yaml.slice(0, end), yaml.slice(end)];
}
