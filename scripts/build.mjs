// Builds dist/: the library (one file per module, with types) and the program (bundled, split by command).
import { chmodSync, rmSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { installPackages, root, run } from "./setup.mjs";

/**
 * Commander loads node:child_process for subcommands that are programs of their own. Lading has none, and loading it
 * takes a fifth of the start-up.
 * @type {import("esbuild").Plugin}
 */
const withoutChildProcesses = {
  name: "commander-without-child-processes",
  setup({ onResolve, onLoad }) {
    onResolve({ filter: /^node:child_process$/ }, ({ importer, path }) =>
      importer.includes("/node_modules/commander/") ? { path, namespace: "absent" } : undefined,
    );
    onLoad({ filter: /.*/, namespace: "absent" }, () => ({ contents: "module.exports = {};" }));
  },
};

/** @param {{ library?: boolean, program?: string }} options `program` is where the program goes, from the root */
export async function build({ library = true, program = "dist/bin" } = {}) {
  const { build: bundle } = await import("esbuild");
  rmSync(join(root, program), { recursive: true, force: true });
  await bundle({
    absWorkingDir: root,
    entryPoints: { lading: "src/cli/main.ts" },
    outdir: program,
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
    plugins: [withoutChildProcesses],
  });
  chmodSync(join(root, program, "lading.js"), 0o755);
  if (library) {
    rmSync(join(root, "dist", "lib"), { recursive: true, force: true });
    run(join(root, "node_modules", ".bin", "tsc"), ["-p", "tsconfig.build.json"]);
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  installPackages();
  await build();
}
