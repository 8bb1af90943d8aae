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
  await symlink("/", join(environment.cwd, "root"));
  const disallowed = {
    code: "ERR_LADING_USAGE",
    message: "Disallowed output directory (trying to avoid accidental deletion)",
    hint: undefined,
  };
  const places: [string, RegExp][] = [
    ["/", /, which is the root folder$/],
    ["//", /, which is the root folder$/],
    ["/..", /, which is the root folder$/],
    ["root", /, which is the root folder$/],
    [".", /, which is the current folder$/],
    ["./", /, which is the current folder$/],
    ["x/..", /, which is the current folder$/],
    ["./x/../", /, which is the current folder$/],
    ["..", /, which has the current folder in it$/],
    ["../..", /, which has the current folder in it$/],
    ["link", /, which has the current folder in it$/],
    [dir, /, which has the current folder in it$/],
    [`${dir}/home/`, /, which has the current folder in it$/],
    [dirname(dir), /, which has the current folder in it$/],
  ];
  for (const [path, place] of places) {
    await assert.rejects(checkOutputFolder(path, environment), { ...disallowed, place }, `'${path}'`);
  }
  const elsewhere = { ...environment, cwd: dir };
  await assert.rejects(checkOutputFolder("home/jane/", elsewhere), {
    ...disallowed,
    place: "home/jane/, which is the home folder",
  });
  await assert.rejects(checkOutputFolder("", environment), {
    code: "ERR_LADING_USAGE",
    message: "Expected --output to be none empty",
  });
  await assert.rejects(checkOutputFolder("file", environment), {
    code: "ERR_LADING_USAGE",
    message: "refusing to replace 'file': it is not a folder",
  });
});

test("a folder for output is accepted, there or not", async (t) => {
  const { environment } = await folders(t);
  assert.equal(await checkOutputFolder("out", environment), join(environment.cwd, "out"));
  assert.equal(await checkOutputFolder("a/b/../c", environment), join(environment.cwd, "a/c"));
  await mkdir(join(environment.home, "other"));
  assert.equal(await checkOutputFolder("../other/", environment), join(environment.home, "other"));
});
