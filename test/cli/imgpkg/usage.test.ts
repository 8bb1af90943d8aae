import assert from "node:assert/strict";
import test from "node:test";
import { complaintAbout } from "../../../src/cli/imgpkg/usage.ts";
import { imgpkg } from "../support/program.ts";

const lines: [string[], string][] = [
  [["push", "extra"], "command 'imgpkg push' does not accept extra arguments 'extra'"],
  [["push", "-b", "x", "one", "two"], "command 'imgpkg push' does not accept extra arguments 'one'"],
  [["tag", "ls", "extra"], "command 'imgpkg tag list' does not accept extra arguments 'extra'"],
  [["foo"], "command 'imgpkg' does not accept extra arguments 'foo'"],
  [["tag", "foo"], "command 'imgpkg tag' does not accept extra arguments 'foo'"],
  [["--x"], "unknown flag: --x"],
  [["push", "--x=1"], "unknown flag: --x"],
  [["push", "--to-repo", "r"], "unknown flag: --to-repo"],
  [["foo", "--x"], "unknown flag: --x"],
  [["push", "-x"], "unknown shorthand flag: 'x' in -x"],
  [["push", "-yxz"], "unknown shorthand flag: 'x' in -xz"],
  [["push", "-v"], "unknown shorthand flag: 'v' in -v"],
  [["push", "--image"], "flag needs an argument: --image"],
  [["push", "-yi"], "flag needs an argument: 'i' in -i"],
  [
    ["push", "--registry-insecure=perhaps"],
    `invalid argument "perhaps" for "--registry-insecure" flag: strconv.ParseBool: parsing "perhaps": invalid syntax`,
  ],
  [
    ["version", "-y=perhaps"],
    `invalid argument "perhaps" for "-y, --yes" flag: strconv.ParseBool: parsing "perhaps": invalid syntax`,
  ],
  [
    ["copy", "--concurrency", "many"],
    `invalid argument "many" for "--concurrency" flag: strconv.ParseInt: parsing "many": invalid syntax`,
  ],
  [
    ["push", "--registry-response-header-timeout=soon"],
    `invalid argument "soon" for "--registry-response-header-timeout" flag: time: invalid duration "soon"`,
  ],
  [["pull", "-i", "x"], `required flag(s) "output" not set`],
  [["completion"], "accepts 1 arg(s), received 0"],
  [["completion", "bash", "zsh"], "accepts 1 arg(s), received 2"],
  [["completion", "foo"], `invalid argument "foo" for "imgpkg completion"`],
];

test("a line that cannot be read gets imgpkg's words for it", () => {
  for (const [words, sentence] of lines) assert.equal(complaintAbout(words), sentence, words.join(" "));
});

test("a line that can be read gets none", () => {
  for (const words of [
    ["version"],
    ["tag", "list", "-i", "x", "--digests"],
    ["pull", "-i=x", "-oout"],
    ["-y", "copy", "--to-tar", "a.tar", "--tar", "b.tar", "--concurrency=3"],
    ["image", "cat", "place", "--", "-file"],
  ]) {
    assert.equal(complaintAbout(words), undefined, words.join(" "));
  }
});

test("the program says them on standard error, and ends with 1", async () => {
  for (const [words, sentence] of lines.filter((_, i) => i % 4 === 0)) {
    const { code, stdout, stderr } = await imgpkg(words);
    assert.equal(code, 1, words.join(" "));
    assert.equal(stdout, "");
    // A colon before a capital begins a line in the layout, which none of these has.
    assert.equal(stderr, `imgpkg: Error: ${sentence}\n`);
  }
});

test("a bad label is told as its flag's", async () => {
  const { code, stderr } = await imgpkg(["push", "-i", "127.0.0.1:9/a:v1", "-f", ".", "-l", "foo"]);
  assert.equal(code, 1);
  assert.equal(
    stderr,
    `imgpkg: Error: invalid argument "foo" for "-l, --labels" flag: foo must be formatted as key=value\n`,
  );
});

test("an unfinished line gets help on standard output, then the error", async () => {
  const cases: [string[], RegExp, string][] = [
    [[], /^Usage: imgpkg <command>/, "Invalid command - see available commands/subcommands above"],
    [["--json"], /^Usage: imgpkg <command>/, "Invalid command - see available commands/subcommands above"],
    [["tag"], /^Usage: imgpkg tag <command>/, "Use one of available subcommands: list, resolve"],
  ];
  for (const [words, help, sentence] of cases) {
    const { code, stdout, stderr } = await imgpkg(words);
    assert.equal(code, 1);
    assert.match(stdout, help);
    assert.doesNotMatch(stdout, /Succeeded/);
    assert.equal(stderr, `imgpkg: Error: ${sentence}\n`);
  }
});

test("help that was asked for ends well, `help` without a word", async () => {
  const flag = await imgpkg(["tag", "list", "--help"]);
  assert.equal(flag.code, 0);
  assert.match(flag.stdout, /^Usage: imgpkg tag list/);
  assert.match(flag.stdout, /\n\nSucceeded\n$/);
  const word = await imgpkg(["help", "tag", "list"]);
  assert.equal(`${word.stdout}\nSucceeded\n`, flag.stdout);
  const completions = await imgpkg(["__complete", "tag", ""]);
  assert.match(completions.stdout, /^list\t/);
  assert.doesNotMatch(completions.stdout, /Succeeded/);
});
