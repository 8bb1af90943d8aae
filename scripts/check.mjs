// Everything that looks at the code without running it: format, lint, types, unused code, the package's exports.
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "./build.mjs";
import { installPackages, root, run } from "./setup.mjs";

/** @param {string} name */
const bin = (name) => join(root, "node_modules", ".bin", name);

export async function check() {
  run(bin("biome"), ["ci", "--error-on-warnings", `--colors=${process.stderr.isTTY ? "force" : "off"}`, "."]);
  run(bin("tsc"), ["--noEmit"]);
  run(bin("knip"), []);
  await build();
  run(bin("publint"), ["--strict"]);
  run(bin("attw"), ["--pack", ".", "--profile", "esm-only", "--quiet"]);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  installPackages();
  await check();
}
