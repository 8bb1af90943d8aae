import { compareBytewise } from "../../stores/referrer.ts";
import { type Context, knownRepository } from "../context.ts";
import { nextPage, pageSize } from "../pages.ts";

/** end-8: tags in bytewise order. */
export async function listTags(context: Context, name: string): Promise<void> {
  const { exchange, settings } = context;
  const count = pageSize(exchange.query, settings.limits.tagsPerPage);
  const after = exchange.query.get("last") ?? "";
  const repository = await knownRepository(context, name);
  const tags: string[] = [];
  let more = false;
  for await (const tag of repository.store.tags()) {
    if (after !== "" && compareBytewise(tag, after) <= 0) continue;
    if (tags.length >= count) {
      more = count > 0;
      break;
    }
    tags.push(tag);
  }
  const path = `/v2/${name}/tags/list`;
  await exchange.sendJson(
    200,
    { name, tags },
    more ? { link: nextPage(path, exchange.query, tags.at(-1) ?? "", ["n"]) } : {},
  );
}
