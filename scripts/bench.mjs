// npm run bench -- [--rounds N] [--only NAME] [--registry KIND] [--quick] [--json FILE]: sets up, builds, and runs bench/main.ts.
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { join, relative } from "node:path";
import { build } from "./build.mjs";
import { installPackages, root } from "./setup.mjs";

installPackages();

const bench = join(root, "bench");
mkdirSync(join(root, "build"), { recursive: true });
const out = mkdtempSync(join(root, "build", "bench-"));
process.on("exit", () => rmSync(out, { recursive: true, force: true }));
// Beside the bench: whoever builds meanwhile does not pull it away.
const program = join(out, "program");
await build({ library: false, program: relative(root, program) });
const { build: bundle } = await import("esbuild");
await bundle({
  absWorkingDir: root,
  entryPoints: [
    join(bench, "main.ts"),
    ...readdirSync(bench)
      .filter((name) => name.endsWith(".child.ts"))
      .map((name) => join(bench, name)),
    ...readdirSync(join(bench, "scenarios")).map((name) => join(bench, "scenarios", name)),
  ],
  outbase: "bench",
  outdir: out,
  bundle: true,
  splitting: true,
  format: "esm",
  platform: "node",
  target: "node20",
  packages: "external",
  logLevel: "warning",
});

const { status } = spawnSync(process.execPath, [join(out, "main.js"), ...process.argv.slice(2)], {
  cwd: root,
  env: { ...process.env, LADING_PROGRAM: join(program, "lading.js") },
  stdio: "inherit",
});
process.exitCode = status ?? 1;
