/** Commands that imgpkg users know, for plain images. */
import type { CommandSpec } from "../command.ts";
import { planOption, platformOption, registryOptions } from "./common.ts";

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

export const pullSpec = {
  path: ["pull"],
  summary: "pull an image's files into a folder",
  description:
    "Unpacks the layers of an image. The folder then holds exactly the image's files: what was in it before is " +
    "replaced, and only once everything is there. The root, the current folder, the home folder and all folders " +
    "above them are refused.",
  options: {
    image: {
      type: "text",
      short: "i",
      value: "place",
      required: true,
      completes: "place",
      help: "what to pull",
    },
    output: {
      type: "text",
      short: "o",
      value: "dir",
      required: true,
      completes: "folder",
      help: "the folder to replace",
    },
    platform: {
      type: "text",
      value: "os/arch",
      help: "which image of a multi-platform image; needed when there are several",
    },
    ...planOption,
    ...registryOptions,
  },
  examples: [
    { does: "unpack an image into out", line: "pull -i 127.0.0.1:5000/site:v1 -o out" },
    {
      does: "unpack one platform of an archive",
      line: "pull -i oci-archive:site.tar --platform linux/arm64 -o out",
    },
  ],
} as const satisfies CommandSpec;

export const copySpec = {
  path: ["copy"],
  summary: "copy an image to another repository or into a tar, or out of one",
  description:
    "Copies with every digest unchanged. What the destination has already is not moved; what another repository of " +
    "the same registry has is mounted. A copy that was cut off goes on when it is run again.",
  options: {
    image: { type: "text", short: "i", value: "ref", completes: "place", help: "the image to copy" },
    tar: { type: "text", value: "file", completes: "file", help: "copy what is in this archive" },
    toRepo: { type: "text", value: "repo", help: "the repository to copy to" },
    toTar: { type: "text", value: "file", completes: "file", help: "the archive to write" },
    ...platformOption,
    referrers: { type: "flag", help: "copy what refers to the image too: signatures, SBOMs, attestations" },
    ...planOption,
    ...registryOptions,
  },
  examples: [
    {
      does: "from one registry to another",
      line: "copy -i 127.0.0.1:5000/site:v1 --to-repo 127.0.0.1:5001/site",
    },
    { does: "into an archive", line: "copy -i 127.0.0.1:5000/site:v1 --to-tar site.tar" },
    { does: "out of an archive", line: "copy --tar site.tar --to-repo 127.0.0.1:5001/site" },
  ],
} as const satisfies CommandSpec;

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
