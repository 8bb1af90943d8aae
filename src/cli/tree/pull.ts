/** `pull`, as imgpkg users know it. */
import type { CommandSpec } from "../command.ts";
import { planOption, registryOptions } from "./common.ts";

export const pullSpec = {
  path: ["pull"],
  summary: "pull the files of a bundle or an image into a folder",
  description:
    "Unpacks the layers of a bundle or an image. The folder then holds exactly its files: what was in it before is " +
    "replaced, and only once everything is there. The root, the current folder, the home folder and all folders " +
    "above them are refused. A bundle's lock (.imgpkg/images.yml) is rewritten to where its images are, when all of " +
    "them are known to be there: from the locations that copy has written, without a request for any of them, or else " +
    "because each is found in the bundle's repository.",
  options: {
    bundle: { type: "text", short: "b", value: "ref", completes: "place", help: "the bundle to pull" },
    image: { type: "text", short: "i", value: "place", completes: "place", help: "the image to pull" },
    lock: {
      type: "text",
      value: "file",
      completes: "file",
      help: "pull the bundle that this BundleLock names",
    },
    tar: {
      type: "text",
      value: "file",
      completes: "file",
      help: "pull the bundle or image that copy --to-tar has put into this file, without any registry",
    },
    output: {
      type: "text",
      short: "o",
      value: "dir",
      required: true,
      completes: "folder",
      help: "the folder to replace",
    },
    recursive: {
      type: "flag",
      short: "r",
      help: "pull the bundles in the bundle too, to any depth, into .imgpkg/bundles/sha256-…",
    },
    imageIsBundleCheck: {
      type: "flag",
      default: true,
      help: "refuse bundles with --image; =false pulls them as they are",
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
    { does: "unpack a bundle, its lock rewritten", line: "pull -b 127.0.0.1:5000/app-bundle:v1 -o app" },
    {
      does: "with the bundles in it, as a lock names it",
      line: "pull --lock bundle.lock.yml -r -o app",
    },
    { does: "unpack an image into out", line: "pull -i 127.0.0.1:5000/site:v1 -o out" },
    {
      does: "unpack one platform of an archive",
      line: "pull -i oci-archive:site.tar --platform linux/arm64 -o out",
    },
    { does: "out of a tar, without a registry", line: "pull --tar app.tar -o app" },
  ],
} as const satisfies CommandSpec;
