// npm run wasm             compiles wasm/* and writes the modules into src/
// npm run wasm -- --check  fails where a module in src/ is not what its source compiles to
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import asc from "assemblyscript/asc";
import { root } from "./setup.mjs";

const source = "wasm/gzip-best-speed/index.ts";
const target = join(root, "src/formats/gzip/best-speed-module.ts");

/** No runtime, no imports, 2 MiB of memory. What lies below 1 KiB is left alone: address 0 is nobody's. */
const options = [
  ...["-O3", "--noAssert", "--runtime", "stub", "--use", "abort="],
  ...["--memoryBase", "1024", "--initialMemory", "32", "--maximumMemory", "32"],
];

/** @returns {Promise<Uint8Array>} */
async function compiled() {
  /** @type {Uint8Array | undefined} */
  let module;
  const { error, stderr } = await asc.main(
    [source, "--baseDir", root, "--outFile", "module.wasm", ...options],
    {
      writeFile: (_name, contents) => {
        module = Buffer.from(contents);
      },
    },
  );
  if (error || module === undefined) throw new Error(`${source} does not compile: ${error}\n${stderr}`);
  return module;
}

const module = Buffer.from(await compiled()).toString("base64");
const text = `// Compiled from ${source} by \`npm run wasm\`; not written by hand.

/** A WebAssembly module, in base64. */
export const bestSpeedModule =
  "${module}";
`;
if (!process.argv.includes("--check")) writeFileSync(target, text);
else if (readFileSync(target, "utf8") !== text) {
  console.error(`${target} is not what ${source} compiles to: npm run wasm`);
  process.exitCode = 1;
}
