import { runLine } from "./run.ts";

process.exitCode = await runLine(process.argv.slice(2), process);
// Connections that are kept alive for the next request would keep the program running.
process.exit();
