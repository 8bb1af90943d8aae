/** Every command of Lading, in the order of the help. */
import type { CommandSpec, GroupSpec } from "../command.ts";
import { bundleVerifySpec } from "./bundle.ts";
import { copySpec } from "./copy.ts";
import { describeSpec } from "./describe.ts";
import {
  imageCatSpec,
  imageCopySpec,
  imageExportSpec,
  imageInspectSpec,
  imageLsSpec,
  layoutGcSpec,
  layoutVerifySpec,
} from "./places.ts";
import { completeSpec, completionSpec, versionSpec } from "./program.ts";
import { pullSpec } from "./pull.ts";
import { pushSpec } from "./push.ts";
import { loginSpec, logoutSpec, registryServeSpec } from "./registry.ts";
import { tagListSpec, tagResolveSpec } from "./tags.ts";

export const groups: readonly GroupSpec[] = [
  { path: ["tag"], summary: "tags of a repository" },
  { path: ["bundle"], summary: "bundles of images" },
  { path: ["image"], summary: "images in any place" },
  { path: ["layout"], summary: "OCI layouts on disk" },
  { path: ["registry"], summary: "the embedded registry" },
];

export const commands = {
  push: pushSpec,
  pull: pullSpec,
  copy: copySpec,
  describe: describeSpec,
  "tag list": tagListSpec,
  "tag resolve": tagResolveSpec,
  "bundle verify": bundleVerifySpec,
  "image copy": imageCopySpec,
  "image inspect": imageInspectSpec,
  "image export": imageExportSpec,
  "image ls": imageLsSpec,
  "image cat": imageCatSpec,
  "layout verify": layoutVerifySpec,
  "layout gc": layoutGcSpec,
  "registry serve": registryServeSpec,
  login: loginSpec,
  logout: logoutSpec,
  version: versionSpec,
  completion: completionSpec,
  __complete: completeSpec,
} as const satisfies Readonly<Record<string, CommandSpec>>;

export type CommandName = keyof typeof commands;
