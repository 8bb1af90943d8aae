import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { cp, mkdir, readFile, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import test from "node:test";
import { cleanEnvironment, ended } from "../cli/support/program.ts";
import { startRegistry } from "../support/registry.ts";
import { tempDir } from "../support/tmp.ts";
import { programsOf } from "./programs.ts";

const root = process.env["LADING_ROOT"] ?? process.cwd();

/** What a reader has: the package as it is published, and TypeScript with its strictest settings. */
async function readersProject(t: test.TestContext): Promise<string> {
  const dir = await tempDir(t);
  const installed = join(dir, "node_modules/lading");
  await mkdir(installed, { recursive: true });
  await cp(join(root, "package.json"), join(installed, "package.json"));
  await symlink(join(root, "node_modules"), join(installed, "node_modules"));
  await tsc(root, "-p", "tsconfig.build.json", "--outDir", join(installed, "dist/lib"));
  await symlink(join(root, "node_modules/@types"), join(dir, "node_modules/@types"));
  await symlink(join(root, "node_modules/undici-types"), join(dir, "node_modules/undici-types"));
  for (const example of ["site", "port"]) {
    await cp(join(root, "examples", example), join(dir, example), {
      recursive: true,
      verbatimSymlinks: true,
    });
  }
  await writeFile(join(dir, "package.json"), '{ "type": "module" }');
  const compilerOptions = {
    target: "ES2022",
    module: "NodeNext",
    types: ["node"],
    strict: true,
    exactOptionalPropertyTypes: true,
    noUncheckedIndexedAccess: true,
    noPropertyAccessFromIndexSignature: true,
    // Our declarations are checked as well.
    skipLibCheck: false,
  };
  await writeFile(join(dir, "tsconfig.json"), JSON.stringify({ compilerOptions, include: ["*.ts"] }));
  return dir;
}

async function tsc(cwd: string, ...words: readonly string[]): Promise<void> {
  const compiler = join(root, "node_modules/typescript/bin/tsc");
  const { code, stdout } = await ended(
    spawn(process.execPath, [compiler, ...words], { cwd, stdio: ["ignore", "pipe", "pipe"] }),
  );
  assert.equal(code, 0, stdout);
}

test("the programs of docs/library.md compile and run", async (t) => {
  const text = await readFile(join(root, "docs/library.md"), "utf8");
  const programs = programsOf(text);
  assert.ok(programs.length >= 9, `${programs.length} programs`);
  const dir = await readersProject(t);
  const one = await startRegistry(t);
  const two = await startRegistry(t);
  for (const { name, code } of programs) {
    const real = code.replaceAll("127.0.0.1:5000", one.host).replaceAll("127.0.0.1:5001", two.host);
    await writeFile(join(dir, `${name}.ts`), real);
  }
  await tsc(dir);
  const env = cleanEnvironment({ HOME: dir });
  for (const { name, line } of programs) {
    const { code, stderr } = await ended(
      spawn(process.execPath, [join(dir, `${name}.js`)], {
        cwd: dir,
        env,
        stdio: ["ignore", "pipe", "pipe"],
      }),
    );
    assert.equal(code, 0, `docs/library.md:${line}: ${stderr}`);
    assert.equal(stderr, "", `docs/library.md:${line}`);
  }
});
