/** `push`, as imgpkg users know it. */
import type { CommandSpec } from "../command.ts";
import { planOption, registryOptions } from "./common.ts";

export const pushSpec = {
  path: ["push"],
  summary: "push files as an image",
  description:
    "Packs files and folders into one layer and pushes it as an image. The same files give the same digest, on any " +
    "machine and at any time. A folder's content goes to the root of the image, a file goes there by its name.",
  options: {
    image: {
      type: "text",
      short: "i",
      value: "ref",
      required: true,
      help: "where to push, such as host/repo:tag",
    },
    file: {
      type: "list",
      comma: true,
      short: "f",
      value: "path",
      completes: "file",
      help: "a folder or file to pack; may be given several times",
    },
    fileExclusion: {
      type: "list",
      comma: true,
      value: "path",
      default: [".git"],
      help: "leave out this path, relative to its folder; what is given replaces the default",
    },
    tag: { type: "list", value: "tag", help: "a further tag; may be given several times" },
    labels: { type: "list", short: "l", value: "key=value", help: "a label in the image's config" },
    preservePermissions: {
      type: "flag",
      help: "keep the modes of the files; otherwise all may read, and what its owner may run all may run",
    },
    compression: {
      type: "text",
      value: "how",
      default: "gzip",
      help: "none, gzip or zstd, also with a level such as gzip:9",
    },
    platform: {
      type: "text",
      value: "os/arch",
      default: "linux/amd64",
      help: "what the image says it is for",
    },
    ...planOption,
    ...registryOptions,
  },
  examples: [
    { does: "push the folder site", line: "push -i 127.0.0.1:5000/site:v1 -f site/" },
    {
      does: "leave some of it out, with a second tag and a label",
      line: "push -i 127.0.0.1:5000/site:v1 -f site/ --file-exclusion .git,drafts --tag latest -l owner=web",
    },
  ],
} as const satisfies CommandSpec;
