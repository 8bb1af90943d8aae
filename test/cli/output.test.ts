import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import test from "node:test";
import { tempDir } from "../support/tmp.ts";
import { cleanEnvironment, type Ended, ended, lading, program } from "./support/program.ts";

/** Runs a line of a shell in which `$LADING` is the program. */
function shell(line: string, cwd: string): Promise<Ended> {
  const env = cleanEnvironment({ NODE: process.execPath, LADING: program() });
  return ended(spawn("sh", ["-c", line], { cwd, env, stdio: ["ignore", "pipe", "pipe"] }));
}

test("a full disk under standard output is one clear error", {
  skip: !existsSync("/dev/full") && "needs /dev/full",
}, async (t) => {
  const cwd = await tempDir(t);
  for (const words of ["version", "version --json", "--help", "completion bash"]) {
    const { code, stderr } = await shell(`"$NODE" "$LADING" ${words} > /dev/full`, cwd);
    assert.equal(code, 1, words);
    assert.match(stderr, /^error ERR_LADING_STORE: ENOSPC: no space left on device/, words);
    assert.doesNotMatch(stderr, /\n {4}at /, words);
  }
});

test("a reader that leaves early gets no words", async (t) => {
  const cwd = await tempDir(t);
  await mkdir(join(cwd, "many"));
  // More than a pipe holds.
  await writeFile(join(cwd, "many/big"), Buffer.alloc(2_000_000, "x\n"));
  const pushed = await lading(["push", "-q", "-i", "oci:layout:v1", "-f", "many"], { cwd });
  assert.equal(pushed.code, 0, pushed.stderr);
  const { code, stdout, stderr } = await shell(
    '("$NODE" "$LADING" image cat oci:layout:v1 big; echo "ended with $?" >&2) | head -1',
    cwd,
  );
  assert.deepEqual({ code, stdout, stderr }, { code: 0, stdout: "x\n", stderr: "ended with 1\n" });
});
