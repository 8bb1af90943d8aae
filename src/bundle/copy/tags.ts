/** The one tag that each copied image gets, so that no registry collects it as untagged. */
import type { Digest } from "../../spec/digest.ts";
import { isTag } from "../../spec/reference.ts";
import { generatedTag } from "../documents/names.ts";

/** Characters of a tag that are left for the repository's name beside `-sha256-<64 digits>.imgpkg`. */
const originLength = 49;

/**
 * The tag of `--repo-based-tags`: the path of the repository that the image comes from, joined with dashes and cut to its
 * last 49 characters, before the generated tag. Stands in place of the generated tag.
 * @param reference as recorded: with its registry, by digest
 */
export function repositoryBasedTag(reference: string, digest: Digest): string {
  const [name = ""] = reference.split("@", 1);
  const path = name.split("/").slice(1).join("-");
  const origin = clean(clean(path).slice(-originLength));
  const tag = `${origin}-${generatedTag(digest)}`;
  return origin !== "" && isTag(tag) ? tag : generatedTag(digest);
}

/** Only what a tag may hold, from the first character that may begin one. */
function clean(text: string): string {
  return text.replaceAll(/[^A-Za-z0-9._-]/g, "").replace(/^[^A-Za-z0-9_]+/, "");
}
