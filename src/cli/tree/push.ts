/** `push`, as imgpkg users know it. */
import type { CommandSpec } from "../command.ts";
import { planOption, registryOptions } from "./common.ts";

export const pushSpec = {
  path: ["push"],
  summary: "push files as a bundle or an image",
  description:
    "Packs files and folders into one layer and pushes it as a bundle or an image. The same files give the same digest, " +
    "on any machine and at any time, and it is the digest that imgpkg gives them. A folder's content goes to the root " +
    "of the image, a file goes there by its name. A bundle has a folder .imgpkg with an images.yml that names images by " +
    "digest.",
  options: {
    bundle: { type: "text", short: "b", value: "ref", help: "where to push a bundle, such as host/repo:tag" },
    image: { type: "text", short: "i", value: "ref", help: "where to push an image, such as host/repo:tag" },
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
    fileExcludeDefaults: {
      type: "list",
      comma: true,
      value: "path",
      hidden: true,
      help: "the old name of --file-exclusion",
    },
    lockOutput: {
      type: "text",
      value: "file",
      completes: "file",
      help: "write a lock of the bundle that was pushed: its digest and its tag",
    },
    toTar: {
      type: "text",
      value: "file",
      completes: "file",
      help: "write a tar as copy --to-tar does, with all that the bundle names, and push nothing",
    },
    tag: { type: "list", value: "tag", help: "a further tag; may be given several times" },
    labels: { type: "list", short: "l", value: "key=value", help: "a label in the image's config" },
    preservePermissions: {
      type: "flag",
      help: "keep the modes of the files; otherwise what their owner may do, and nothing for others",
    },
    compression: {
      type: "text",
      value: "how",
      default: "imgpkg",
      help:
        "imgpkg (gzip with imgpkg's digests), parallel (gzip, faster), none, gzip or zstd, the last two also with a " +
        "level such as gzip:9",
    },
    platform: {
      type: "text",
      value: "os/arch",
      help: "what the image says it is for; by default it says nothing, as imgpkg's do",
    },
    ...planOption,
    ...registryOptions,
  },
  examples: [
    {
      does: "push the bundle in the folder app, and keep its digest in a file",
      line: "push -b 127.0.0.1:5000/app:v1 -f app/ --lock-output app.lock.yml",
    },
    {
      does: "make the bundle without a registry; copy --tar carries it on",
      line: "push -b 127.0.0.1:5000/app:v1 -f app/ --to-tar app.tar",
    },
    { does: "push the folder site", line: "push -i 127.0.0.1:5000/site:v1 -f site/" },
    {
      does: "leave some of it out, with a second tag and a label",
      line: "push -i 127.0.0.1:5000/site:v1 -f site/ --file-exclusion .git,drafts --tag latest -l owner=web",
    },
  ],
} as const satisfies CommandSpec;
