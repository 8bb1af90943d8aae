/** Where each command's code is; loaded only when the command runs, so that starting costs the same for all. */
import type { CommandModule } from "./command.ts";
import type { CommandName } from "./tree/tree.ts";

export const loaders: Readonly<Record<CommandName, () => Promise<CommandModule>>> = {
  push: () => import("./commands/push.ts"),
  pull: () => import("./commands/pull.ts"),
  copy: () => import("./commands/copy.ts"),
  describe: () => import("./commands/describe.ts"),
  "tag list": () => import("./commands/tag-list.ts"),
  "tag resolve": () => import("./commands/tag-resolve.ts"),
  "bundle verify": () => import("./commands/bundle-verify.ts"),
  "image copy": () => import("./commands/image-copy.ts"),
  "image inspect": () => import("./commands/image-inspect.ts"),
  "image export": () => import("./commands/image-export.ts"),
  "image ls": () => import("./commands/image-ls.ts"),
  "image cat": () => import("./commands/image-cat.ts"),
  "layout verify": () => import("./commands/layout-verify.ts"),
  "layout gc": () => import("./commands/layout-gc.ts"),
  "registry serve": () => import("./commands/registry-serve.ts"),
  login: () => import("./commands/login.ts"),
  logout: () => import("./commands/logout.ts"),
  version: () => import("./commands/version.ts"),
  completion: () => import("./commands/completion.ts"),
  __complete: () => import("./commands/complete.ts"),
};
