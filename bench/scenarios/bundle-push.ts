import { prepareBundlePush } from "../bundle-pushes.ts";
import { textFiles } from "../bundles.ts";
import type { Scenario } from "../scenario.ts";

export const scenario: Scenario = {
  name: "bundle-push",
  title: "a folder of text to a bundle in a registry",
  registries: true,
  prepare: (bench) => prepareBundlePush(bench, textFiles(bench)),
};
