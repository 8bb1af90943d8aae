import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import test, { type TestContext } from "node:test";
import packageJson from "../../../package.json" with { type: "json" };
import { isImgpkg } from "../../../src/cli/imgpkg/name.ts";
import { renderParts } from "../../../src/cli/imgpkg/output.ts";
import { needs } from "../../support/peers.ts";
import { startRegistry } from "../../support/registry.ts";
import { tempDir } from "../../support/tmp.ts";
import { cleanEnvironment, ended, imgpkg, lading, linkTo, program } from "../support/program.ts";

const version = `imgpkg version ${packageJson.version}\n`;

/** A repository with the tags `a` and `long-name`, of one image. */
async function repository(t: TestContext): Promise<{ repo: string; digest: string; cwd: string }> {
  const { host } = await startRegistry(t);
  const cwd = await tempDir(t);
  await writeFile(join(cwd, "hello.txt"), "hello\n");
  const repo = `${host}/app`;
  for (const tag of ["a", "long-name"]) {
    const pushed = await imgpkg(["push", "-i", `${repo}:${tag}`, "-f", "hello.txt"], { cwd });
    assert.deepEqual(pushed, { code: 0, stdout: "", stderr: "" });
  }
  const { stdout } = await imgpkg(["tag", "resolve", "-i", `${repo}:a`]);
  return { repo, digest: stdout.replace(`${repo}@`, ""), cwd };
}

test("imgpkg is what is called imgpkg, with its platform and version or without", () => {
  for (const name of [
    "imgpkg",
    "imgpkg.exe",
    "imgpkg.js",
    "imgpkg-v0.44",
    "imgpkg-linux-amd64-v0.44.0",
    "imgpkg_1",
  ])
    assert.ok(isImgpkg(name), name);
  for (const name of ["lading", "lading.js", "imgpkgs", "my-imgpkg"]) assert.ok(!isImgpkg(name), name);
});

test("the version, each way to ask for it", async () => {
  assert.deepEqual(await imgpkg(["version"]), { code: 0, stdout: version, stderr: "" });
  for (const words of [["version", "--tty"], ["-v"], ["--version"], ["-y", "--version"]]) {
    assert.equal((await imgpkg(words)).stdout, `${version}\nSucceeded\n`, words.join(" "));
  }
  assert.equal((await imgpkg(["version"], { as: "imgpkg-linux-amd64-v0.44.0" })).stdout, version);
  const json = (await imgpkg(["version", "--json"])).stdout;
  assert.equal(
    json,
    `{\n    "Tables": null,\n    "Blocks": [\n        ${JSON.stringify(version)}\n    ],\n` +
      `    "Lines": [\n        "Succeeded"\n    ]\n}`,
  );
  assert.equal((await lading(["version"])).stdout, `lading version ${packageJson.version}\n`);
});

test("a push is silent in a pipe, and says on a terminal what it packed", async (t) => {
  const { repo, digest, cwd } = await repository(t);
  const args = ["push", "-i", `${repo}:a`, "-f", "hello.txt"];
  const text = `file: hello.txt\nPushed '${repo}@${digest}'\nSucceeded\n`;
  assert.deepEqual(await imgpkg([...args, "--tty"], { cwd }), { code: 0, stdout: text, stderr: "" });
  const { stdout } = await imgpkg([...args, "--json"], { cwd });
  assert.deepEqual(JSON.parse(stdout), {
    Tables: null,
    Blocks: null,
    Lines: ["file: hello.txt\n", `Pushed '${repo}@${digest}'`, "Succeeded"],
  });
  // Under its own name too, when that is asked for; else it stays itself.
  assert.equal((await lading([...args, "--tty"], { cwd })).stdout, text);
  assert.doesNotMatch((await lading(args, { cwd })).stdout, /Succeeded/);
});

test("a tag is resolved to one line, which ends only on a terminal", async (t) => {
  const { repo, digest } = await repository(t);
  const args = ["tag", "resolve", "-i", `${repo}:a`];
  assert.equal((await imgpkg(args)).stdout, `${repo}@${digest}`);
  assert.equal((await imgpkg([...args, "--tty"])).stdout, `${repo}@${digest}\nSucceeded\n`);
});

test("tags are a table: bare in a pipe, with all around it on a terminal", async (t) => {
  const { repo, digest } = await repository(t);
  const run = async (...more: string[]) => {
    const { code, stdout, stderr } = await imgpkg(["tag", "list", "-i", repo, ...more]);
    assert.deepEqual([code, stderr], [0, ""]);
    return stdout;
  };
  assert.equal(await run(), "a\t\nlong-name\t\n");
  assert.equal(await run("--digests"), `a        \t${digest}\t\nlong-name\t${digest}\t\n`);
  assert.equal(await run("--tty"), "Tags\n\nName  \na  \nlong-name  \n\n2 tags\n\nSucceeded\n");
  assert.equal(
    await run("--tty", "--digests"),
    `Tags\n\nName       Digest  \na          ${digest}  \nlong-name  ${digest}  \n\n2 tags\n\nSucceeded\n`,
  );
  assert.equal(await run("--digests", "--column", "digest"), `${digest}\t\n${digest}\t\n`);
  assert.equal(await run("--digests", "--column", "Digest,name"), await run("--digests"));
  const table = (rows: object[], header: object) => ({
    Tables: [{ Content: "tags", Header: header, Rows: rows, Notes: null }],
    Blocks: null,
    Lines: ["Succeeded"],
  });
  assert.deepEqual(
    JSON.parse(await run("--json")),
    table([{ name: "a" }, { name: "long-name" }], { name: "Name" }),
  );
  assert.deepEqual(
    JSON.parse(await run("--json", "--digests", "--column=digest")),
    table([{ digest }, { digest }], { digest: "Digest" }),
  );
});

test("a column that is not there is an error, not a panic", async (t) => {
  const { repo } = await repository(t);
  for (const more of [[], ["--json"]]) {
    const { code, stderr } = await imgpkg(["tag", "list", "-i", repo, "--column", "size", ...more]);
    assert.equal(code, 1);
    assert.equal(stderr, "imgpkg: Error: Unknown column 'size' (known columns: name)\n");
  }
});

test("empty cells are shown, and the last line stands apart from whole lines alone", () => {
  const rows = [{ name: "", digest: "x" }];
  const table = { kind: "table", title: "T", unit: "things", header: ["Name", "Digest"], rows } as const;
  assert.equal(renderParts([table], { onTerminal: false, columns: [] }), "-\tx\t\n");
  const terminal = { onTerminal: true, columns: [] };
  assert.equal(renderParts([], terminal), "Succeeded\n");
  assert.equal(renderParts([{ kind: "line", text: "a" }], terminal), "a\n\nSucceeded\n");
  assert.equal(renderParts([{ kind: "text", text: "a" }], terminal), "a\nSucceeded\n");
});

test("what imgpkg does not have still works under its name, with two exit codes", async (t) => {
  const cwd = await tempDir(t);
  const { code, stdout, stderr } = await imgpkg(["layout", "verify", "nowhere"], { cwd });
  assert.equal(code, 1);
  assert.equal(stdout, "");
  assert.match(stderr, /^imgpkg: Error: /);
});

test("IMGPKG_ENABLE_IAAS_AUTH is answered with its line, before all else", async (t) => {
  const { repo } = await repository(t);
  const line =
    "IMGPKG_ENABLE_IAAS_AUTH environment variable will be deprecated, please use the flag " +
    "--activate-keychain to activate the needed keychains\n";
  const env = { IMGPKG_ENABLE_IAAS_AUTH: "false" };
  const args = ["tag", "list", "-i", repo];
  assert.equal((await imgpkg(args, { env })).stdout, `${line}a\t\nlong-name\t\n`);
  const json = await imgpkg([...args, "--json"], { env });
  assert.equal(JSON.parse(json.stdout).Blocks, null);
  assert.equal(json.stderr, line);
  assert.equal((await imgpkg(["version"], { env })).stdout, version);
  assert.doesNotMatch((await lading(args, { env })).stdout, /deprecated/);
});

test(
  "on a terminal the lines show by themselves, errors are red, and --color=false keeps them plain",
  needs("python3"),
  async (t) => {
    const { repo, digest, cwd } = await repository(t);
    const script = "import os, pty, sys; sys.exit(os.waitstatus_to_exitcode(pty.spawn(sys.argv[1:])))";
    const run = async (...args: string[]) => {
      const command = [process.execPath, linkTo(program(), "imgpkg"), ...args];
      const child = spawn("python3", ["-c", script, ...command], {
        cwd,
        env: cleanEnvironment({ TERM: "xterm", HOME: cwd }),
        stdio: ["ignore", "pipe", "inherit"],
      });
      const { code, stdout } = await ended(child);
      return { code, output: stdout.replaceAll("\u001b", "ESC").replaceAll("\r\n", "\n") };
    };
    const resolved = await run("tag", "resolve", "-i", `${repo}:a`);
    assert.deepEqual(resolved, { code: 0, output: `${repo}@${digest}\nSucceeded\n` });
    for (const color of ["--color", "--color=true", "--json=false"]) {
      const failed = await run("tag", "list", color);
      assert.equal(failed.output, `ESC[31mimgpkg: Error: required flag(s) "image" not setESC[39m\n`);
    }
    for (const plain of ["--color=false", "--color=0"]) {
      const failed = await run("push", "-i", repo, "-f", "nowhere", plain);
      assert.match(failed.output, /^imgpkg: Error: lstat nowhere/);
    }
  },
);
