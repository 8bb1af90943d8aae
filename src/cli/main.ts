const words = process.argv.slice(2);
if (words.length === 1 && ["version", "--version", "-v"].includes(words[0] ?? "")) {
  // Editors and scripts ask this at every start: it needs no parser.
  const { run } = await import("./commands/version.ts");
  const { text } = await run();
  process.stdout.write(`${text}\n`);
} else {
  const { runLine } = await import("./run.ts");
  process.exitCode = await runLine(words, process);
  // Connections that are kept alive for the next request would keep the program running.
  process.exit();
}
