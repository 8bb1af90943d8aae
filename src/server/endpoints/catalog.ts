import { compareBytewise } from "../../stores/referrer.ts";
import type { Context } from "../context.ts";
import { switchedOff } from "../options.ts";
import { nextPage, pageSize } from "../pages.ts";

/** `/v2/_catalog` as docker-registry has it: the repositories that the caller may pull from. */
export async function listRepositories(context: Context): Promise<void> {
  const { exchange, settings, access } = context;
  if (!settings.catalog) throw switchedOff("the catalog");
  const count = pageSize(exchange.query, settings.limits.catalogPerPage);
  const after = exchange.query.get("last") ?? "";
  const repositories: string[] = [];
  let more = false;
  for await (const name of context.repositories.names()) {
    if ((after !== "" && compareBytewise(name, after) <= 0) || !access.may(name, "pull")) continue;
    if (repositories.length >= count) {
      more = count > 0;
      break;
    }
    repositories.push(name);
  }
  await exchange.sendJson(
    200,
    { repositories },
    more ? { link: nextPage("/v2/_catalog", exchange.query, repositories.at(-1) ?? "", ["n"]) } : {},
  );
}
