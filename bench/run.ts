import { execFile } from "node:child_process";
import { promisify } from "node:util";

/**
 * Runs a program to its end, as preparation: not timed. Never synchronously: a registry whose log nobody reads stands
 * still. @throws when it fails
 */
export const run = promisify(execFile);
