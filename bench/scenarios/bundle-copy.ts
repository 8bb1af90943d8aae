import { prepareBundleCopy } from "../bundle-copies.ts";
import type { Scenario } from "../scenario.ts";

export const scenario: Scenario = {
  name: "bundle-copy",
  title: "a bundle with all that it names from registry to registry",
  registries: true,
  prepare: (bench) => prepareBundleCopy(bench, false),
};
