/** `tag list` and `tag resolve`, as imgpkg users know them. */
import type { CommandSpec } from "../command.ts";
import { registryOptions } from "./common.ts";

export const tagListSpec = {
  path: ["tag", "list"],
  aliases: ["ls"],
  summary: "list the tags of a repository",
  options: {
    image: {
      type: "text",
      short: "i",
      value: "repo",
      required: true,
      completes: "place",
      help: "the repository",
    },
    digests: { type: "flag", help: "what each tag stands for" },
    imgpkgInternalTags: {
      type: "flag",
      help: "also the tags that copies of bundles leave for themselves (*.imgpkg)",
    },
    ...registryOptions,
  },
  examples: [
    { does: "tags and what they stand for", line: "tag list -i 127.0.0.1:5000/site --digests" },
    { does: "as JSON", line: "tag list -i 127.0.0.1:5000/site --json" },
  ],
} as const satisfies CommandSpec;

export const tagResolveSpec = {
  path: ["tag", "resolve"],
  summary: "print the digest that a tag stands for",
  options: {
    image: { type: "text", short: "i", value: "ref", required: true, completes: "place", help: "the image" },
    ...registryOptions,
  },
  examples: [{ does: "pin a tag", line: "tag resolve -i 127.0.0.1:5000/site:v1" }],
} as const satisfies CommandSpec;
