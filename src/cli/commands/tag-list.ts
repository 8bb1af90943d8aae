import { createGate } from "../../copy/together.ts";
import type { Context, OptionsOf, Outcome } from "../command.ts";
import { Places } from "../places.ts";
import { printable, table } from "../table.ts";
import type { tagListSpec } from "../tree/tags.ts";

export async function run(options: OptionsOf<typeof tagListSpec>, context: Context): Promise<Outcome> {
  await using places = new Places(options, context);
  const { source, repository } = await places.source(options.image);
  const names: string[] = [];
  for await (const name of source.tags({ signal: context.signal })) names.push(name);
  if (!options.digests) {
    const tags = names.map((name) => ({ name }));
    return { data: { repository, tags }, text: names.map(printable).join("\n") };
  }
  const gate = createGate(context.concurrency ?? 8);
  const tags = await Promise.all(
    names.map((name) =>
      gate(async () => {
        const { digest, mediaType, size } = await source.resolve(name, { signal: context.signal });
        return { name, digest, mediaType, size };
      }),
    ),
  );
  return {
    data: { repository, tags },
    text: table(tags.map(({ name, digest }) => [printable(name), digest])),
  };
}
