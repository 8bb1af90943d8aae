import assert from "node:assert/strict";
import {
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import test from "node:test";
import { streamOf } from "../../src/bytes/stream.ts";
import { writeOutputFile } from "../../src/cli/output-file.ts";
import { rejectsWith } from "../stores/contract.ts";
import { tempDir } from "../support/tmp.ts";

// CWE-59, CWE-377: what a program writes before it has its name lies under a name that others can guess, and they may have
// put a link there. `--lock-output` and the like go to folders that others write to, too.

const bytes = () => streamOf(Buffer.from("new"));

test("CWE-59: a link where an unfinished file would lie is not written through", async (t) => {
  const dir = await tempDir(t);
  const victim = join(dir, "victim");
  writeFileSync(victim, "mine");
  symlinkSync(victim, join(dir, `.out.lading-${process.pid}`));
  await writeOutputFile(join(dir, "out"), bytes(), 0o600);
  assert.equal(readFileSync(victim, "utf8"), "mine");
  assert.equal(readFileSync(join(dir, "out"), "utf8"), "new");
  assert.ok(lstatSync(join(dir, "out")).isFile());
  assert.equal(statSync(join(dir, "out")).mode & 0o777, 0o600);
  assert.deepEqual(readdirSync(dir).sort(), ["out", "victim"]);
});

test("a folder in the way of an unfinished file is an error, and stays", async (t) => {
  const dir = await tempDir(t);
  mkdirSync(join(dir, `.out.lading-${process.pid}`));
  await rejectsWith("ERR_LADING_STORE", writeOutputFile(join(dir, "out"), bytes()));
  assert.deepEqual(readdirSync(dir), [`.out.lading-${process.pid}`]);
});
