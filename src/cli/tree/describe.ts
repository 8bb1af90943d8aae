/** `describe`, as imgpkg users know it. */
import type { CommandSpec } from "../command.ts";
import { registryOptions } from "./common.ts";

export const describeSpec = {
  path: ["describe"],
  summary: "show what a bundle holds, and where its images were and are",
  description:
    "Shows every image of a bundle and of the bundles in it: what its lock calls it, where it was found, its layers, " +
    "its signatures, attestations and SBOMs, and what .imgpkg/bundle.yml says about the bundle.",
  options: {
    bundle: { type: "text", short: "b", value: "ref", help: "the bundle" },
    tar: {
      type: "text",
      value: "file",
      completes: "file",
      help: "a file of copy --to-tar, in place of --bundle",
    },
    outputType: {
      type: "text",
      short: "o",
      value: "how",
      default: "text",
      help: "text, yaml or json",
    },
    layers: { type: "flag", default: true, help: "show the layers of every image" },
    cosignArtifacts: {
      type: "flag",
      default: true,
      help: "show signatures, attestations and SBOMs that cosign keeps beside the images",
    },
    ...registryOptions,
  },
  examples: [
    { does: "a bundle and all that it holds", line: "describe -b 127.0.0.1:5000/app-bundle:v1" },
    { does: "as YAML", line: "describe -b 127.0.0.1:5000/app-bundle:v1 -o yaml" },
  ],
} as const satisfies CommandSpec;
