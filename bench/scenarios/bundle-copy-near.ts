import { prepareBundleCopy } from "../bundle-copies.ts";
import type { Scenario } from "../scenario.ts";

export const scenario: Scenario = {
  name: "bundle-copy-near",
  title: "a bundle with all that it names to another repository of its registry",
  registries: true,
  prepare: (bench) => prepareBundleCopy(bench, true),
};
