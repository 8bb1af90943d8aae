import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { readdir } from "node:fs/promises";
import test from "node:test";
import { needs } from "../support/peers.ts";
import { tempDir } from "../support/tmp.ts";
import { cleanEnvironment, ended, program } from "./support/program.ts";
import { startSlowRegistry } from "./support/slow-registry.ts";

/** Runs the program on a terminal of 100 columns. The escape character is written out as ESC. */
async function onTerminal(
  args: readonly string[],
  cwd: string,
): Promise<{ code: number | null; output: string }> {
  const script = "import os, pty, sys; sys.exit(os.waitstatus_to_exitcode(pty.spawn(sys.argv[1:])))";
  const shell = 'stty cols 100 rows 30; exec "$@"';
  const child = spawn(
    "python3",
    ["-c", script, "sh", "-c", shell, "sh", process.execPath, program(), ...args],
    { cwd, env: cleanEnvironment({ TERM: "xterm", HOME: cwd }), stdio: ["ignore", "pipe", "inherit"] },
  );
  const { code, stdout } = await ended(child);
  return { code, output: stdout.replaceAll("\u001b", "ESC") };
}

test(
  "on a terminal a copy shows bars, rate and time left, and cleans up after itself",
  needs("python3", "stty"),
  async (t) => {
    const cwd = await tempDir(t);
    const slow = await startSlowRegistry(t, { size: 2_000_000, piece: 100_000, pauseMs: 50 });
    const { code, output } = await onTerminal(
      ["copy", "-i", `${slow.host}/app:v1`, "--to-tar", "app.tar"],
      cwd,
    );
    assert.equal(code, 0, output);
    assert.match(output, /layer [0-9a-f]{12}/);
    assert.match(output, /ESC\[32m━+ESC\[39mESC\[2m─+ESC\[22m {2}\d+(\.\d)? [kM]B of 2\.0 MB/);
    assert.match(output, /total.*MB\/s {2}0:0\d/);
    // The last frame is erased before the result is printed.
    const end = output.lastIndexOf("ESC[J");
    assert.doesNotMatch(output.slice(end), /━/);
    assert.match(output.slice(end), /Copied .*\r\n {2}to app\.tar \(2\.0 MB\)/);
    const frames = output.split("ESC[J").length;
    assert.ok(frames < 40, `at most ten frames a second, not ${frames} in about one`);
    assert.deepEqual(await readdir(cwd), ["app.tar"]);
  },
);

test("on a terminal colours can be turned off", needs("python3", "stty"), async (t) => {
  const cwd = await tempDir(t);
  const { code, output } = await onTerminal(["layout", "verify", "nowhere", "--color", "never"], cwd);
  assert.equal(code, 3);
  assert.match(output, /^error ERR_LADING_NOT_FOUND: /);
  const colored = await onTerminal(["layout", "verify", "nowhere"], cwd);
  assert.match(colored.output, /^ESC\[31merror ERR_LADING_NOT_FOUND:ESC\[39m /);
});
