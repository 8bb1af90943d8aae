/** Commands over places: a registry reference, `oci:dir:tag`, `oci-archive:file`, `docker-archive:file`. */
import type { CommandSpec } from "../command.ts";
import { planOption, platformOption, registryOptions } from "./common.ts";

const place = {
  name: "place",
  help: "host/repo:tag, oci:DIR:NAME, oci-archive:FILE or docker-archive:FILE",
  completes: "place",
} as const;

export const imageCopySpec = {
  path: ["image", "copy"],
  summary: "copy images between any two places",
  description:
    "Copies one or several images. With several sources the destination has no tag: each keeps its own. All images " +
    "are one plan: a blob that several of them share moves once.",
  arguments: [
    { ...place, name: "source", many: true, help: "what to copy; the last argument is the destination" },
  ],
  options: {
    fromFile: {
      type: "list",
      value: "file",
      completes: "file",
      help: "read more sources from this file, one a line; # starts a comment, - is standard input",
    },
    ...platformOption,
    referrers: { type: "flag", help: "copy what refers to the images too: signatures, SBOMs, attestations" },
    ...planOption,
    ...registryOptions,
  },
  examples: [
    { does: "a registry's image into a folder", line: "image copy 127.0.0.1:5000/site:v1 oci:layout:v1" },
    {
      does: "two images, each blob once",
      line: "image copy oci:layout:v1 oci:layout:v2 127.0.0.1:5001/site",
    },
    {
      does: "an archive that docker load reads",
      line: "image copy 127.0.0.1:5000/app:v1 docker-archive:app.tar --platform linux/amd64",
    },
  ],
} as const satisfies CommandSpec;

export const imageInspectSpec = {
  path: ["image", "inspect"],
  summary: "show what an image is made of",
  arguments: [place],
  options: {
    raw: { type: "flag", help: "the manifest's own bytes" },
    config: { type: "flag", help: "the config's own bytes" },
    platform: { type: "text", value: "os/arch", help: "which image of a multi-platform image" },
    ...registryOptions,
  },
  examples: [
    { does: "for people", line: "image inspect 127.0.0.1:5000/site:v1" },
    { does: "the config as it is stored", line: "image inspect oci:layout:v1 --config" },
  ],
} as const satisfies CommandSpec;

export const imageExportSpec = {
  path: ["image", "export"],
  summary: "write an image's files as one tar",
  description:
    "All layers flattened into one tar, as a container would see them. Nothing is unpacked on the way.",
  arguments: [place],
  options: {
    output: {
      type: "text",
      short: "o",
      value: "file",
      default: "-",
      completes: "file",
      help: "the tar to write; - is standard output",
    },
    platform: { type: "text", value: "os/arch", help: "which image of a multi-platform image" },
    ...registryOptions,
  },
  examples: [
    { does: "into a file", line: "image export 127.0.0.1:5000/site:v1 -o site-files.tar" },
    { does: "into another program", line: "image export 127.0.0.1:5000/site:v1 | tar -t" },
  ],
} as const satisfies CommandSpec;

export const imageLsSpec = {
  path: ["image", "ls"],
  summary: "list the files in an image",
  arguments: [place, { name: "path", optional: true, help: "only this file or folder of the image" }],
  options: {
    long: { type: "flag", short: "l", help: "mode, owner and size too" },
    platform: { type: "text", value: "os/arch", help: "which image of a multi-platform image" },
    ...registryOptions,
  },
  examples: [
    { does: "everything", line: "image ls 127.0.0.1:5000/site:v1" },
    { does: "one folder, with modes and sizes", line: "image ls -l oci:layout:v1 bin" },
  ],
} as const satisfies CommandSpec;

export const imageCatSpec = {
  path: ["image", "cat"],
  summary: "print a file of an image",
  arguments: [place, { name: "path", help: "the file in the image" }],
  options: {
    platform: { type: "text", value: "os/arch", help: "which image of a multi-platform image" },
    ...registryOptions,
  },
  examples: [
    { does: "read one file without pulling the rest", line: "image cat 127.0.0.1:5000/site:v1 index.html" },
  ],
} as const satisfies CommandSpec;

export const layoutVerifySpec = {
  path: ["layout", "verify"],
  summary: "check every digest in an OCI layout",
  description:
    "Reads the whole layout. Ends with 5 when bytes do not have their digest, and with 3 when content is absent, " +
    "unless --sparse says that it was left elsewhere on purpose.",
  arguments: [{ name: "dir", help: "the folder of the layout", completes: "folder" }],
  options: { sparse: { type: "flag", help: "absent content is fine" } },
  examples: [{ does: "check a layout", line: "layout verify layout" }],
} as const satisfies CommandSpec;

export const layoutGcSpec = {
  path: ["layout", "gc"],
  summary: "remove what nothing in an OCI layout refers to",
  arguments: [{ name: "dir", help: "the folder of the layout", completes: "folder" }],
  options: {
    grace: {
      type: "duration",
      value: "time",
      default: "1h",
      help: "keep what is younger than this: another process may be about to name it",
    },
    untagged: { type: "flag", help: "images without a name go too, unless something that stays needs them" },
    ...planOption,
  },
  examples: [
    { does: "see what would go", line: "layout gc layout --plan" },
    { does: "remove it, whatever its age", line: "layout gc layout --grace 0s" },
  ],
} as const satisfies CommandSpec;
