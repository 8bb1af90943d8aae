import { basename } from "node:path";
import { isImgpkg } from "./imgpkg/name.ts";

const words = process.argv.slice(2);
const asksVersion = words.length === 1 && ["version", "--version", "-v"].includes(words[0] ?? "");
if (asksVersion && !isImgpkg(basename(process.argv[1] ?? ""))) {
  // Editors and scripts ask this at every start: it needs no parser.
  const { run } = await import("./commands/version.ts");
  const { text } = await run();
  process.stdout.once("error", ({ code, message }: NodeJS.ErrnoException) => {
    if (code !== "EPIPE") process.stderr.write(`error ERR_LADING_STORE: ${message}\n`);
    process.exitCode = 1;
  });
  process.stdout.write(`${text}\n`);
} else {
  // undici reads HTTP with WebAssembly. V8 would soon begin to compile that a second time, better: a tenth of a second
  // that the end of the program waits for, and that no transfer gains back.
  const { setFlagsFromString } = await import("node:v8");
  setFlagsFromString("--wasm-tiering-budget=1000000000");
  // Most of what lives long here is small, and what is streamed is not V8's: a heap that grows in small steps keeps the
  // memory of large copies down by a quarter, for a few percent of time.
  setFlagsFromString("--heap-growing-percent=30");
  const { runLine } = await import("./run.ts");
  process.exitCode = await runLine(words, process);
  // Connections that are kept alive for the next request would keep the program running.
  process.exit();
}
