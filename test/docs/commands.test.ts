import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { cp, mkdir, readdir, readFile, symlink, writeFile } from "node:fs/promises";
import { delimiter, join } from "node:path";
import test from "node:test";
import { cleanEnvironment, ended, program } from "../cli/support/program.ts";
import { startGuardedRegistry } from "../support/guarded-registry.ts";
import { startRegistry } from "../support/registry.ts";
import { tempDir } from "../support/tmp.ts";
import { matches, stepsOf, withOutputs } from "./console.ts";

const root = process.env["LADING_ROOT"] ?? process.cwd();
// LADING_WRITE_DOCS=1 npm test -- test/docs/commands.test.ts
const writes = Boolean(process.env["LADING_WRITE_DOCS"]);

async function documents(): Promise<string[]> {
  const pages = await readdir(join(root, "docs"));
  return ["README.md", ...pages.filter((name) => name.endsWith(".md")).map((name) => `docs/${name}`)];
}

/** Registries with a user each, for pages that need them. */
const guarded = { "127.0.0.1:5002": 0, "127.0.0.1:5003": 1 } as const;

/** Where a page says that its registries are, and where they are. */
async function registriesFor(
  t: test.TestContext,
  text: string,
): Promise<{ written: string; real: string }[]> {
  const registries = [
    { written: "127.0.0.1:5000", real: (await startRegistry(t)).host },
    { written: "127.0.0.1:5001", real: (await startRegistry(t)).host },
  ];
  for (const [written, which] of Object.entries(guarded)) {
    if (!text.includes(written)) continue;
    registries.push({ written, real: (await startGuardedRegistry(t, "our registry", which)).host });
  }
  return registries;
}

/** A reader's folder: the examples, and a shell that finds lading. */
async function readersFolder(t: test.TestContext): Promise<{ dir: string; env: NodeJS.ProcessEnv }> {
  const dir = await tempDir(t);
  for (const example of ["site", "port", "quay"]) {
    const copy = join(dir, "work", example);
    await cp(join(root, "examples", example), copy, { recursive: true, verbatimSymlinks: true });
  }
  await mkdir(join(dir, "bin"));
  await mkdir(join(dir, "home"));
  await symlink(program(), join(dir, "bin/lading"));
  await symlink(process.execPath, join(dir, "bin/node"));
  const path = `${join(dir, "bin")}${delimiter}${process.env["PATH"]}`;
  return {
    dir: join(dir, "work"),
    env: cleanEnvironment({ HOME: join(dir, "home"), PATH: path, LC_ALL: "C.UTF-8" }),
  };
}

for (const name of await documents()) {
  const text = await readFile(join(root, name), "utf8");
  const steps = stepsOf(text);
  if (steps.length === 0) continue;
  test(`the commands of ${name} do what it says`, async (t) => {
    const { dir, env } = await readersFolder(t);
    const ports = await registriesFor(t, text);
    const outputs = new Map<number, string>();
    for (const { command, expected, line } of steps) {
      const real = ports.reduce((words, port) => words.replaceAll(port.written, port.real), command);
      const { code, stdout, stderr } = await ended(
        spawn("sh", ["-c", real], { cwd: dir, env, stdio: ["ignore", "pipe", "pipe"] }),
      );
      const seen = stdout + (code === 0 ? "" : stderr);
      const output = ports.reduce((words, port) => words.replaceAll(port.real, port.written), seen);
      outputs.set(line, output);
      if (writes) continue;
      const where = `${name}:${line}: $ ${command}`;
      const mayFail = expected.some((text) => text.startsWith("error ERR_"));
      assert.equal(code !== 0, mayFail, `${where} ended with ${code}\n${stdout}${stderr}`);
      assert.ok(matches(expected, output), `${where} gave\n${output}\nand not\n${expected.join("\n")}`);
    }
    if (writes) await writeFile(join(root, name), withOutputs(text, outputs));
  });
}

test("the documents have commands to run", async () => {
  let count = 0;
  for (const name of await documents()) count += stepsOf(await readFile(join(root, name), "utf8")).length;
  assert.ok(count >= 20, `${count} commands`);
});

test("an output that differs does not match", () => {
  assert.ok(matches(["a …", "…", "z"], "a 1\nb\nc\nz\n"));
  assert.ok(!matches(["a …"], "a 1\nb\n"));
  assert.ok(!matches(["a"], ""));
  assert.ok(!matches([], "a\n"));
  assert.ok(matches([], ""));
});
