// Builds dist/: the library (one file per module, with types) and the program (bundled, split by command).
import { chmodSync, rmSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { installPackages, root, run } from "./setup.mjs";

/** @param {{ library?: boolean }} options */
export async function build({ library = true } = {}) {
  const { build: bundle } = await import("esbuild");
  rmSync(join(root, "dist", "bin"), { recursive: true, force: true });
  await bundle({
    absWorkingDir: root,
    entryPoints: { lading: "src/cli/main.ts" },
    outdir: "dist/bin",
    bundle: true,
    splitting: true,
    format: "esm",
    platform: "node",
    target: "node20",
    minifySyntax: true,
    sourcemap: "linked",
    sourcesContent: false,
    legalComments: "none",
    // CommonJS dependencies inside an ESM bundle call require() for Node's own modules.
    banner: {
      js: '#!/usr/bin/env node\nimport { createRequire as __createRequire } from "node:module"; const require = __createRequire(import.meta.url);',
    },
    logLevel: "warning",
  });
  chmodSync(join(root, "dist", "bin", "lading.js"), 0o755);
  if (library) {
    rmSync(join(root, "dist", "lib"), { recursive: true, force: true });
    run(join(root, "node_modules", ".bin", "tsc"), ["-p", "tsconfig.build.json"]);
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  installPackages();
  await build();
}
