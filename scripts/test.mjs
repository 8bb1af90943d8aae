// npm test                      sets up, checks, builds, runs every test; in CI on the newer Node as well
// npm test -- test/spec a.test  only the tests under these paths, without set-up and checks
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { join, relative } from "node:path";
import { installPackages, installPeers, newerNode, root } from "./setup.mjs";

const paths = process.argv.slice(2).filter((argument) => !argument.startsWith("--"));
const flags = new Set(process.argv.slice(2).filter((argument) => argument.startsWith("--")));
const everything = paths.length === 0;

installPackages();
if (everything) {
  installPeers();
  const { check } = await import("./check.mjs");
  await check();
}

/** @param {string} folder @returns {string[]} */
function filesUnder(folder) {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return entry.name === "node_modules" ? [] : filesUnder(path);
    return [path];
  });
}

const all = filesUnder(join(root, "test"));
const children = all.filter((file) => file.endsWith(".child.ts"));
const wanted = paths.map((path) => join(root, relative(root, join(process.cwd(), path))));
const tests = all
  .filter((file) => file.endsWith(".test.ts"))
  .filter((file) => everything || wanted.some((path) => file === path || file.startsWith(`${path}/`)))
  .sort();
if (tests.length === 0) {
  console.error("no test file matches");
  process.exit(2);
}

mkdirSync(join(root, "build"), { recursive: true });
// A folder of its own per run: several runs may go on at once.
const out = mkdtempSync(join(root, "build", "test-"));
process.on("exit", () => rmSync(out, { recursive: true, force: true }));
const { build: bundle } = await import("esbuild");
await bundle({
  absWorkingDir: root,
  entryPoints: [...tests, ...children],
  outbase: "test",
  outdir: out,
  bundle: true,
  splitting: true,
  format: "esm",
  platform: "node",
  target: "node20",
  packages: "external",
  sourcemap: "linked",
  logLevel: "warning",
});

/** Runs the bundled tests with one Node and adds up what its reporter counted. @param {string} node */
function runTests(node) {
  const counts = join(out, `counts-${Date.now()}.json`);
  const env = { ...process.env, LADING_ROOT: root, LADING_TEST_COUNTS: counts };
  const version = spawnSync(node, ["--version"], { encoding: "utf8" }).stdout.trim();
  console.log(`\n# ${tests.length} test files on Node ${version}`);
  const { status } = spawnSync(
    node,
    [
      "--test",
      "--enable-source-maps",
      // A test that hangs ends the run with its name, not by CI's own limit.
      "--test-timeout=600000",
      `--test-concurrency=${process.env.LADING_TEST_CONCURRENCY ?? 2}`,
      `--test-reporter=${join(root, "scripts", "test-reporter.mjs")}`,
      "--test-reporter-destination=stdout",
      ...tests.map((file) => join(out, relative(join(root, "test"), file)).replace(/\.ts$/, ".js")),
    ],
    { cwd: root, env, stdio: ["ignore", "inherit", "inherit"] },
  );
  const count = existsSync(counts)
    ? JSON.parse(readFileSync(counts, "utf8"))
    : { passed: 0, failed: 1, skipped: 0 };
  if (status !== 0 && count.failed === 0) count.failed = 1;
  return count;
}

const nodes = [process.execPath];
if ((everything && process.env.CI) || flags.has("--newer-node")) nodes.push(newerNode());
const totals = { passed: 0, failed: 0, skipped: 0 };
for (const node of nodes) {
  const count = runTests(node);
  totals.passed += count.passed;
  totals.failed += count.failed;
  totals.skipped += count.skipped;
}
if (process.env.CI && totals.skipped > 0) {
  console.error(`${totals.skipped} tests were skipped; in CI that counts as failed`);
  totals.failed += totals.skipped;
  totals.skipped = 0;
}
const skipped = totals.skipped > 0 ? `, ${totals.skipped} skipped` : "";
console.log(`${totals.passed} passed, ${totals.failed} failed${skipped}`);
process.exitCode = totals.failed === 0 ? 0 : 1;
