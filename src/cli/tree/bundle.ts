/** What only Lading does with bundles. */
import type { CommandSpec } from "../command.ts";
import { registryOptions } from "./common.ts";

export const bundleVerifySpec = {
  path: ["bundle", "verify"],
  summary: "check that everything a bundle needs is where it should be",
  description:
    "Looks for every image that the bundle's lock names, and for those of the bundles in it, where a pull would take " +
    "them from: manifests are read and checked, blobs have to be there with the right size. Locations images have to " +
    "tell the truth. Exit code 0 says that all is well; else it is that of the worst finding: 5 wrong, 3 missing, " +
    "4 denied, 1 for what could not be found out.",
  arguments: [{ name: "ref", help: "the bundle" }],
  options: {
    bytes: { type: "flag", help: "read every blob and check its digest" },
    ...registryOptions,
  },
  examples: [
    { does: "after a copy", line: "bundle verify 127.0.0.1:5000/app-bundle:v1" },
    { does: "every byte of it", line: "bundle verify 127.0.0.1:5000/app-bundle:v1 --bytes" },
  ],
} as const satisfies CommandSpec;
