import { inPlace, LadingError } from "../../errors.ts";
import { arrayField, asObject, has, parseJson } from "../../spec/json.ts";
import { limits } from "../../spec/limits.ts";
import { isTag } from "../../spec/reference.ts";
import { refuseWebPage } from "./http/errors.ts";
import { pages } from "./lists.ts";
import type { RepositorySession } from "./session.ts";

/** More per page is refused by ECR. */
const pageSize = 1000;

/** All tags, sorted bytewise. @throws LadingError ERR_LADING_NOT_FOUND when there is no such repository */
export async function* listTags(
  session: RepositorySession,
  signal: AbortSignal | undefined,
): AsyncGenerator<string> {
  const tags = new Set<string>();
  const first = {
    method: "GET",
    to: `tags/list?n=${pageSize}`,
    what: "list tags",
    access: "pull",
    headers: { accept: "application/json" },
    expect: [200],
    signal,
  } as const;
  for await (const { bytes, contentType } of pages(session, first)) {
    refuseWebPage(contentType, session.label);
    for (const tag of inPlace(session.label, () => tagsIn(bytes))) tags.add(tag);
    if (tags.size > limits.listItems) {
      throw new LadingError("ERR_LADING_LIMIT", `there are more than ${limits.listItems} tags`, {
        place: session.label,
      });
    }
  }
  // Tags are ASCII: the default order is bytewise.
  yield* [...tags].sort();
}

function tagsIn(bytes: Buffer): string[] {
  const list = asObject(parseJson(bytes, "tag list", limits.listPageBytes), "tag list");
  if (!has(list, "tags")) return [];
  // What is no tag can be asked for by nobody.
  return arrayField(list, "tags", "tag list").filter(
    (tag): tag is string => typeof tag === "string" && isTag(tag),
  );
}
