import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import test from "node:test";
import { tempDir } from "../support/tmp.ts";
import { cleanEnvironment, ended, program } from "./support/program.ts";

const root = process.env["LADING_ROOT"] ?? process.cwd();

test("npm start takes a bundle on its journey, accounts for every digest, and leaves nothing", async (t) => {
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
  for (const name of ["port", "quay", "site", "source", "harbour", "port:v2"]) {
    assert.match(stdout, new RegExp(`^ {2}${name} +sha256:[0-9a-f]{64}$`, "m"));
  }
  // Six images; the documents of five are in both tars, the layers in one of them.
  assert.match(stdout, /^ {4}depot {3}22 manifests and blobs/m);
  assert.match(stdout, /^ {4}tars {4}33 manifests and blobs/m);
  assert.match(stdout, /^ {4}island {2}22 manifests and blobs/m);
  assert.match(stdout, /every file the same: \d{3} files and folders/);
  assert.match(stdout, /: 0 wrong, 0 missing, 0 denied, 0 failed$/m);
  assert.doesNotMatch(stdout + stderr, /ship in a bottle|lamp at the pier/);
  assert.deepEqual(await readdir(tmp), []);
});

test("npm start tells of a failure, and leaves nothing then either", async (t) => {
  const tmp = await tempDir(t);
  const script = [join(root, "scripts/start.mjs"), "--program", join(root, "scripts/no-program.js")];
  const { code, stderr } = await ended(
    spawn(process.execPath, script, { cwd: root, env: cleanEnvironment({ TMPDIR: tmp }), stdio: "pipe" }),
  );
  assert.equal(code, 1);
  assert.match(stderr, /failed: the registry ended: /);
  assert.deepEqual(await readdir(tmp), []);
});
