import assert from "node:assert/strict";
import { mkdir, readdir, readFile, symlink, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import test from "node:test";
import type { Environment } from "../../src/cli/environment.ts";
import { checkOutputFolder, openOutputFolder } from "../../src/cli/output-folder.ts";
import { tempDir } from "../support/tmp.ts";

async function folders(t: test.TestContext): Promise<{ dir: string; environment: Environment }> {
  const dir = await tempDir(t);
  await mkdir(join(dir, "home/jane/work"), { recursive: true });
  return {
    dir,
    environment: { variables: {}, cwd: join(dir, "home/jane/work"), home: join(dir, "home/jane"), tempDir: dir },
  };
}

test("a folder that must not be lost is refused, however it is written", async (t) => {
  const { dir, environment } = await folders(t);
  await symlink(environment.home, join(environment.cwd, "link"));
  await writeFile(join(environment.cwd, "file"), "");
  const paths = ["", "/", "//", ".", "./", "x/..", "..", "../..", "link", dir, `${dir}/home/`, dirname(dir), "file"];
  for (const path of paths) {
    await assert.rejects(checkOutputFolder(path, environment), { code: "ERR_LADING_USAGE" }, `'${path}'`);
  }
});

test("a folder for output is accepted, there or not", async (t) => {
  const { environment } = await folders(t);
  assert.equal(await checkOutputFolder("out", environment), join(environment.cwd, "out"));
  assert.equal(await checkOutputFolder("a/b/../c", environment), join(environment.cwd, "a/c"));
  await mkdir(join(environment.home, "other"));
  assert.equal(await checkOutputFolder("../other/", environment), join(environment.home, "other"));
});

test("the old content stays until the swap, and goes whole with it", async (t) => {
  const dir = await tempDir(t);
  const target = join(dir, "out");
  await mkdir(join(target, "old"), { recursive: true });
  {
    await using folder = await openOutputFolder(target);
    await writeFile(join(folder.stage, "new"), "1");
    assert.deepEqual(await readdir(target), ["old"]);
    await folder.swap();
  }
  assert.deepEqual(await readdir(target), ["new"]);
  assert.deepEqual(await readdir(dir), ["out"]);
});

test("without a swap nothing changes and nothing is left", async (t) => {
  const dir = await tempDir(t);
  await mkdir(join(dir, "out"));
  await writeFile(join(dir, "out/keep"), "1");
  {
    await using folder = await openOutputFolder(join(dir, "out"));
    await writeFile(join(folder.stage, "half"), "1");
  }
  assert.deepEqual(await readdir(dir), ["out"]);
  assert.equal(await readFile(join(dir, "out/keep"), "utf8"), "1");
});

test("a folder that is not there yet is made with its parents", async (t) => {
  const dir = await tempDir(t);
  await using folder = await openOutputFolder(join(dir, "a/b/out"));
  await folder.swap();
  assert.deepEqual(await readdir(join(dir, "a/b/out")), []);
});
