import { readFile } from "node:fs/promises";
import { resolve } from "node:path";
import { collect } from "../../bytes/collect.ts";
import { LadingError } from "../../errors.ts";
import { parsePlatform } from "../../spec/platform.ts";
import type { Context, OptionsOf, Outcome } from "../command.ts";
import { copyOutcome, type NamedRequest } from "../copy-outcome.ts";
import { Places, type SinkPlace, type SourcePlace } from "../places.ts";
import type { imageCopySpec } from "../tree/places.ts";

type Options = OptionsOf<typeof imageCopySpec>;

const listLimit = 16 * 1024 * 1024;

export async function run(options: Options, context: Context, args: readonly string[]): Promise<Outcome> {
  const destination = args.at(-1) ?? "";
  const listed = await Promise.all(options.fromFile.map((file) => linesOf(file, context)));
  const names = [...args.slice(0, -1), ...listed.flat()];
  if (names.length === 0) {
    throw new LadingError("ERR_LADING_USAGE", "a source and a destination are needed", {
      hint: "write lading image copy SOURCE… DESTINATION",
    });
  }
  await using places = new Places(options, context);
  const sources = await Promise.all(names.map((name) => places.source(name)));
  const to = await places.sink(destination, options);
  if (sources.length > 1 && to.tag !== undefined) {
    throw new LadingError("ERR_LADING_USAGE", `${sources.length} images cannot all become '${destination}'`, {
      hint: "leave the tag out: each image keeps its own",
    });
  }
  checkNames(sources.map((source) => ({ tag: to.tagFor(source), name: source.name })));
  const platforms = options.platform.map(parsePlatform);
  const requests = sources.map((source) =>
    requestOf(source, to, { platforms, referrers: options.referrers }),
  );
  return await copyOutcome(requests, { plan: options.plan, verb: "copy" }, context);
}

/** A destination that names none takes over the source's name. */
function requestOf(
  from: SourcePlace,
  to: SinkPlace,
  { platforms, referrers }: Pick<NamedRequest, "platforms" | "referrers">,
): NamedRequest {
  const tag = to.tag ?? to.tagFor(from);
  return {
    from: from.source,
    reference: from.reference,
    fromName: from.name,
    to: to.sink,
    place: to,
    tags: tag === undefined ? [] : [tag],
    ...(platforms === undefined ? {} : { platforms }),
    ...(referrers === undefined ? {} : { referrers }),
  };
}

/** Two images under one name would leave only the last. */
function checkNames(sources: readonly { readonly tag: string | undefined; readonly name: string }[]): void {
  const taken = new Map<string, string>();
  for (const { tag, name } of sources) {
    if (tag === undefined) continue;
    const other = taken.get(tag);
    if (other !== undefined && other !== name) {
      throw new LadingError("ERR_LADING_USAGE", `${other} and ${name} would both be tagged ${tag}`, {
        hint: "copy them to different repositories, one at a time",
      });
    }
    taken.set(tag, name);
  }
}

async function linesOf(file: string, context: Context): Promise<string[]> {
  const text =
    file === "-"
      ? (await collect(context.stdin, listLimit, "standard input")).toString("utf8")
      : await readFile(resolve(context.environment.cwd, file), "utf8");
  return text
    .split("\n")
    .map((line) => line.replace(/(?:^|\s)#.*$/, "").trim())
    .filter((line) => line !== "");
}
