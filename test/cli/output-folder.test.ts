import assert from "node:assert/strict";
import { mkdir, symlink, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import test from "node:test";
import type { Environment } from "../../src/cli/environment.ts";
import { checkOutputFolder } from "../../src/cli/output-folder.ts";
import { tempDir } from "../support/tmp.ts";

async function folders(t: test.TestContext): Promise<{ dir: string; environment: Environment }> {
  const dir = await tempDir(t);
  await mkdir(join(dir, "home/jane/work"), { recursive: true });
  return {
    dir,
    environment: {
      variables: {},
      cwd: join(dir, "home/jane/work"),
      home: join(dir, "home/jane"),
      tempDir: dir,
    },
  };
}

test("a folder that must not be lost is refused, however it is written", async (t) => {
  const { dir, environment } = await folders(t);
  await symlink(environment.home, join(environment.cwd, "link"));
  await writeFile(join(environment.cwd, "file"), "");
  const paths = [
    "",
    "/",
    "//",
    ".",
    "./",
    "x/..",
    "..",
    "../..",
    "link",
    dir,
    `${dir}/home/`,
    dirname(dir),
    "file",
  ];
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
