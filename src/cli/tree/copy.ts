/** `copy`, as imgpkg users know it. */
import type { CommandSpec } from "../command.ts";
import { planOption, platformOption, registryOptions } from "./common.ts";

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
