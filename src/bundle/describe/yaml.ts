import { writeYaml } from "../documents/yaml-writer.ts";
import type { BundleDescription } from "./model.ts";

/** The description as imgpkg prints it with `--output-type yaml`: the digest first, then all else by its keys. */
export function describeYaml({ sha, ...rest }: BundleDescription): string {
  return `sha: ${sha}\n${writeYaml(rest).replace(/^---\n/, "")}`;
}
