// Prints a line per file when it ends, failures whole, skipped tests by name; counts for the runner's last line.
import { writeFileSync } from "node:fs";
import { inspect } from "node:util";

/** @param {{ details?: { duration_ms?: number } }} data */
const seconds = (data) => `${((data.details?.duration_ms ?? 0) / 1000).toFixed(1).padStart(6)} s`;

/** The test file's path in the repository. @param {string} name */
const nameOf = (name) => name.replace(/^.*\bbuild\/test-[^/]*\//, "test/").replace(/\.js$/, ".ts");

/** @param {AsyncIterable<any>} source */
// biome-ignore lint/style/noDefaultExport: node --test takes a reporter as the default export
export default async function* reporter(source) {
  const count = { passed: 0, failed: 0, skipped: 0 };
  for await (const { type, data } of source) {
    // Node reports each file as a test of its own around the file's tests.
    const isFile = data.nesting === 0 && typeof data.name === "string" && data.name.endsWith(".test.js");
    if (type === "test:complete" && isFile) {
      yield `${seconds(data)}  ${nameOf(data.name)}\n`;
    } else if (type === "test:pass" || type === "test:fail") {
      if (data.details?.type === "suite") continue;
      if (type === "test:pass" && isFile) continue;
      if (data.skip !== undefined) {
        count.skipped++;
        yield `skipped: ${data.name}${typeof data.skip === "string" ? ` (${data.skip})` : ""}\n`;
      } else if (type === "test:pass") {
        count.passed++;
      } else {
        const error = data.details?.error;
        if (isFile && error?.failureType === "subtestsFailed") continue;
        count.failed++;
        yield `\nFAILED ${data.file ?? ""} > ${data.name}\n${inspect(error?.cause ?? error, { depth: 4 })}\n`;
      }
    } else if (type === "test:stderr" || type === "test:stdout") {
      yield data.message;
    }
  }
  if (process.env.LADING_TEST_COUNTS) writeFileSync(process.env.LADING_TEST_COUNTS, JSON.stringify(count));
}
