import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import test from "node:test";
import { tempDir } from "../support/tmp.ts";
import { cleanEnvironment, ended, program } from "./support/program.ts";

const root = process.env["LADING_ROOT"] ?? process.cwd();

test("npm start does the main job, says that all is the same, and leaves nothing", async (t) => {
  const tmp = await tempDir(t);
  const env = cleanEnvironment({ TMPDIR: tmp });
  // The example of the library needs it built; the whole test run has done that.
  if (!existsSync(join(root, "dist/lib/stores/index.js"))) {
    const compile = spawn(process.execPath, [join(root, "scripts/build.mjs")], { cwd: root, stdio: "pipe" });
    assert.equal((await ended(compile)).code, 0);
  }
  const script = [join(root, "scripts/start.mjs"), "--program", program()];
  const { code, stdout, stderr } = await ended(
    spawn(process.execPath, script, { cwd: root, env, stdio: "pipe" }),
  );
  assert.equal(code, 0, stdout + stderr);
  assert.match(stdout, /every digest the same: site {5}sha256:[0-9a-f]{64}\n/);
  assert.match(stdout, /every file the same: {3}8 in site/);
  assert.deepEqual(await readdir(tmp), []);
});
