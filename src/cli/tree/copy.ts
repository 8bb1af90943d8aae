/** `copy`, as imgpkg users know it. */
import type { CommandSpec } from "../command.ts";
import { planOption, platformOption, registryOptions } from "./common.ts";

export const copySpec = {
  path: ["copy"],
  summary: "copy a bundle or images to another repository or into a tar, or out of one",
  description:
    "Copies with every digest unchanged: a bundle with all images that it and the bundles in it name, an image, or what a " +
    "lock names. What the destination has already is not moved; what another repository of the same registry has is " +
    "mounted. When all of a bundle has arrived, a locations image beside it says so. A copy that was cut off goes on " +
    "when it is run again.",
  options: {
    bundle: { type: "text", short: "b", value: "ref", completes: "place", help: "the bundle to copy" },
    image: { type: "text", short: "i", value: "ref", completes: "place", help: "the image to copy" },
    lock: {
      type: "text",
      value: "file",
      completes: "file",
      help: "copy what this BundleLock or ImagesLock names",
    },
    tar: { type: "text", value: "file", completes: "file", help: "copy what is in this tar" },
    toRepo: { type: "text", value: "repo", help: "the repository to copy to" },
    toTar: { type: "text", value: "file", completes: "file", help: "the tar to write" },
    lockOutput: {
      type: "text",
      value: "file",
      completes: "file",
      help: "write a lock of what was copied, with the references that it has now",
    },
    repoBasedTags: {
      type: "flag",
      help: "tags that tell the repository an image comes from, in place of sha256-….imgpkg",
    },
    cosignSignatures: { type: "flag", help: "copy the signatures that cosign keeps beside the images too" },
    cosignArtifacts: {
      type: "flag",
      help: "copy cosign's signatures, attestations and SBOMs beside the images too",
    },
    referrers: { type: "flag", help: "copy what refers to the images too: signatures, SBOMs, attestations" },
    includeNonDistributableLayers: {
      type: "flag",
      help: "copy layers too that need not be distributed, such as those of Windows",
    },
    ignoreBundleCheck: { type: "flag", help: "with --image: copy a bundle alone, without what it names" },
    ...platformOption,
    since: {
      type: "list",
      value: "file",
      completes: "file",
      help: "with --to-tar: leave out layers of this tar, which the receiver has imported before",
    },
    known: {
      type: "list",
      value: "repo",
      help: "with --to-tar: leave out layers that this repository has, into which the tar goes",
    },
    resume: { type: "flag", help: "with --to-tar: take over layers of the tar that is there already" },
    ...planOption,
    ...registryOptions,
  },
  examples: [
    {
      does: "a bundle with all its images to another registry",
      line: "copy -b 127.0.0.1:5000/shop:v1 --to-repo 127.0.0.1:5001/shop",
    },
    { does: "a bundle into a tar", line: "copy -b 127.0.0.1:5000/shop:v1 --to-tar shop.tar" },
    { does: "out of a tar", line: "copy --tar shop.tar --to-repo 127.0.0.1:5001/shop" },
    {
      does: "one image, from one registry to another",
      line: "copy -i 127.0.0.1:5000/site:v1 --to-repo 127.0.0.1:5001/site",
    },
  ],
} as const satisfies CommandSpec;
