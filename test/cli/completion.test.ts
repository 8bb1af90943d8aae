import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { chmodSync, mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { delimiter, join } from "node:path";
import test from "node:test";
import { candidatesFor } from "../../src/cli/completion/candidates.ts";
import { scriptFor, scripts } from "../../src/cli/completion/scripts.ts";
import { needs } from "../support/peers.ts";
import { tempDir } from "../support/tmp.ts";
import { program } from "./support/program.ts";

function values(...words: string[]): string[] {
  return candidatesFor(words).values.map(({ value }) => value);
}

test("commands and their parts", () => {
  assert.deepEqual(values("pu"), ["pull", "push"]);
  assert.deepEqual(values("tag", ""), ["list", "resolve"]);
  assert.deepEqual(values("--json", "lay"), ["layout"]);
  assert.ok(!values("").includes("__complete"));
});

test("options of the command and of the program", () => {
  assert.deepEqual(values("push", "--reg").slice(0, 2), ["--registry-username", "--registry-password"]);
  assert.deepEqual(values("push", "--no"), ["--no-registry-verify-certs"]);
  assert.ok(values("push", "--").includes("--json"));
  assert.ok(!values("push", "--").includes("--yes"));
});

test("values: choices, files, folders and places", () => {
  assert.deepEqual(values("version", "--color", "a"), ["auto", "always"]);
  assert.deepEqual(values("version", "--color=a"), ["--color=auto", "--color=always"]);
  assert.equal(candidatesFor(["push", "-f", ""]).also, "files");
  assert.equal(candidatesFor(["layout", "gc", ""]).also, "folders");
  assert.deepEqual(values("image", "copy", "a", "oci"), ["oci:", "oci-archive:"]);
  assert.deepEqual(values("completion", ""), ["bash", "zsh", "fish", "powershell"]);
  assert.deepEqual(candidatesFor(["version", ""]), { values: [], also: "none" });
});

/** A folder for PATH in which the built program is called lading. */
async function onPath(t: test.TestContext): Promise<{ dir: string; env: NodeJS.ProcessEnv }> {
  const dir = await tempDir(t);
  mkdirSync(join(dir, "bin"));
  const path = join(dir, "bin/lading");
  writeFileSync(path, `#!/bin/sh\nexec "${process.execPath}" "${program()}" "$@"\n`);
  chmodSync(path, 0o755);
  return { dir, env: { ...process.env, PATH: `${join(dir, "bin")}${delimiter}${process.env["PATH"]}` } };
}

test("bash completes a line", needs("bash"), async (t) => {
  const { dir, env } = await onPath(t);
  writeFileSync(join(dir, "lading.bash"), scripts.bash);
  mkdirSync(join(dir, "folder"));
  writeFileSync(join(dir, "file"), "");
  const complete = (line: string) =>
    execFileSync(
      "bash",
      [
        "--norc",
        "-c",
        // biome-ignore lint/suspicious/noTemplateCurlyInString: bash's own
        'source lading.bash; COMP_LINE="$1"; COMP_POINT=${#1}; _lading; printf "%s\\n" "${COMPREPLY[@]}"',
        "bash",
        line,
      ],
      { cwd: dir, env, encoding: "utf8" },
    ).trim();
  assert.equal(complete("lading pu"), "pull\npush");
  assert.equal(complete("lading tag r"), "resolve");
  assert.equal(complete("lading version --color=al"), "always");
  assert.equal(complete("lading image inspect docker-a"), "docker-archive:");
  assert.equal(complete("lading push -f fi"), "file");
  assert.equal(complete("lading layout gc f"), "folder");
});

test("bash takes the script as it is", needs("bash"), () => {
  execFileSync("bash", ["-n"], { input: scripts.bash });
});

test("called imgpkg, the script completes imgpkg and leaves lading's alone", needs("bash"), async (t) => {
  const { dir, env } = await onPath(t);
  symlinkSync(join(dir, "bin/lading"), join(dir, "bin/imgpkg"));
  writeFileSync(join(dir, "both.bash"), scripts.bash + scriptFor("bash", "imgpkg"));
  const shown = execFileSync(
    "bash",
    [
      "--norc",
      "-c",
      // biome-ignore lint/suspicious/noTemplateCurlyInString: bash's own
      'source both.bash; complete -p; COMP_LINE="imgpkg tag r"; COMP_POINT=${#COMP_LINE}; _imgpkg; echo "$COMPREPLY"',
    ],
    { cwd: dir, env, encoding: "utf8" },
  );
  assert.deepEqual(shown.trim().split("\n").sort(), [
    "complete -F _imgpkg imgpkg",
    "complete -F _lading lading",
    "resolve",
  ]);
});

test("completion prints the script of each shell", () => {
  for (const [shell, script] of Object.entries(scripts)) {
    const text = execFileSync(process.execPath, [program(), "completion", shell], { encoding: "utf8" });
    assert.equal(text, script);
  }
});
