/** `pull`, as imgpkg users know it. */
import type { CommandSpec } from "../command.ts";
import { planOption, registryOptions } from "./common.ts";

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
