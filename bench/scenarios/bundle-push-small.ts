import { prepareBundlePush } from "../bundle-pushes.ts";
import { smallFiles } from "../bundles.ts";
import type { Scenario } from "../scenario.ts";

export const scenario: Scenario = {
  name: "bundle-push-small",
  title: "many small files to a bundle in a registry",
  registries: true,
  prepare: (bench) => prepareBundlePush(bench, smallFiles(bench)),
};
