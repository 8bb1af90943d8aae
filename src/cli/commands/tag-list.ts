import { isInternalTag } from "../../bundle/documents/names.ts";
import { allSettled, createGate, linkedAbort } from "../../copy/together.ts";
import type { Source } from "../../stores/store.ts";
import type { Context, OptionsOf, Outcome } from "../command.ts";
import type { ImgpkgPart } from "../imgpkg/parts.ts";
import { Places } from "../places.ts";
import { printable, table } from "../table.ts";
import type { tagListSpec } from "../tree/tags.ts";

interface ListedTag {
  readonly name: string;
  readonly digest?: string;
  readonly mediaType?: string;
}

/** The tags of a repository in the order of their bytes. What copies of bundles leave for themselves shows on request. */
export async function run(options: OptionsOf<typeof tagListSpec>, context: Context): Promise<Outcome> {
  await using places = new Places(options, context);
  const { source, repository } = await places.source(options.image);
  const names: string[] = [];
  for await (const name of source.tags({ signal: context.signal })) {
    if (options.imgpkgInternalTags || !isInternalTag(name)) names.push(name);
  }
  const tags: readonly ListedTag[] = options.digests
    ? await resolveAll(source, names, context)
    : names.map((name) => ({ name }));
  return {
    data: { repository, tags },
    text: table(tags.map(({ name, digest }) => [printable(name), ...(digest === undefined ? [] : [digest])])),
    imgpkg: [tagTable(tags, options.digests)],
  };
}

function resolveAll(
  source: Source,
  names: readonly string[],
  context: Context,
): Promise<readonly ListedTag[]> {
  const gate = createGate(context.concurrency ?? 8);
  const { signal, abort } = linkedAbort(context.signal);
  return allSettled(
    names.map((name) =>
      gate(async () => {
        signal.throwIfAborted();
        const { digest, mediaType } = await source.resolve(name, { signal, unread: true });
        return { name, digest, mediaType };
      }),
    ),
    abort,
  );
}

function tagTable(tags: readonly ListedTag[], withDigests: boolean): ImgpkgPart {
  return {
    kind: "table",
    title: "Tags",
    unit: "tags",
    header: withDigests ? ["Name", "Digest"] : ["Name"],
    rows: tags.map(({ name, digest }) => ({
      name: printable(name),
      ...(digest === undefined ? {} : { digest }),
    })),
  };
}
