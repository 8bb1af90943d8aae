import { prepareBundlePush } from "../bundle-pushes.ts";
import { textFiles } from "../bundles.ts";
import type { Scenario } from "../scenario.ts";

export const scenario: Scenario = {
  name: "bundle-push-again",
  title: "a bundle that the registry has already",
  registries: true,
  prepare: (bench) => prepareBundlePush(bench, textFiles(bench), true),
};
