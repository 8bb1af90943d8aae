import assert from "node:assert/strict";
import test from "node:test";
import { type Invocation, parseLine } from "../../src/cli/program.ts";
import { commands, groups } from "../../src/cli/tree/tree.ts";
import type { LadingError } from "../../src/errors.ts";

function parse(...words: string[]): Extract<Invocation, { kind: "run" }> {
  const found = parseLine(words, "lading", () => 100);
  assert.equal(found.kind, "run");
  return found as Extract<Invocation, { kind: "run" }>;
}

function options(...words: string[]): Record<string, unknown> {
  return parse(...words).options as Record<string, unknown>;
}

function help(...words: string[]): string {
  const found = parseLine(words, "lading", () => 100);
  assert.equal(found.kind, "help");
  return (found as { text: string }).text;
}

test("values: long, with equals, short, joined, short with equals", () => {
  for (const words of [["--image", "r"], ["--image=r"], ["-i", "r"], ["-ir"], ["-i=r"]]) {
    assert.equal(options("push", ...words)["image"], "r", words.join(" "));
  }
});

test("lists: repeated and joined by commas; an explicit value replaces the default", () => {
  assert.deepEqual(options("push", "-i", "r")["fileExclusion"], [".git"]);
  assert.deepEqual(
    options("push", "-i", "r", "--file-exclusion", "a,b", "--file-exclusion", "c")["fileExclusion"],
    ["a", "b", "c"],
  );
  assert.deepEqual(options("push", "-i", "r", "-f", 'x,"y,z"')["file"], ["x", "y,z"]);
  assert.deepEqual(options("push", "-i", "r", "-l", "a=1,2")["labels"], ["a=1,2"]);
});

test("flags: on, off, and Go's way of writing both", () => {
  assert.equal(options("push", "-i", "r")["registryVerifyCerts"], true);
  assert.equal(options("push", "-i", "r", "--registry-verify-certs=false")["registryVerifyCerts"], false);
  assert.equal(options("push", "-i", "r", "--no-registry-verify-certs")["registryVerifyCerts"], false);
  assert.equal(options("push", "-i", "r", "--registry-verify-certs=T")["registryVerifyCerts"], true);
  assert.equal(options("push", "-i", "r")["registryInsecure"], false);
  assert.equal(options("push", "-i", "r", "--registry-insecure")["registryInsecure"], true);
  assert.equal(options("push", "-i", "r", "--registry-insecure=0")["registryInsecure"], false);
  assert.throws(() => parse("push", "-i", "r", "--registry-insecure=perhaps"), { code: "ERR_LADING_USAGE" });
});

test("global flags stand before the command and after it", () => {
  assert.equal(options("--json", "version")["json"], true);
  assert.equal(options("version", "--json")["json"], true);
  assert.equal(options("version")["json"], false);
  assert.equal(options("--color", "version")["color"], "always");
  assert.equal(options("--color", "never", "version")["color"], "never");
  assert.equal(options("--color=false", "version")["color"], "never");
  assert.equal(options("version")["color"], "auto");
});

test("times and numbers", () => {
  assert.equal(options("push", "-i", "r")["registryResponseHeaderTimeout"], 30_000);
  assert.equal(
    options("push", "-i", "r", "--registry-response-header-timeout", "1m30s")[
      "registryResponseHeaderTimeout"
    ],
    90_000,
  );
  assert.equal(options("layout", "gc", "d", "--grace", "500ms")["grace"], 500);
  assert.equal(options("copy", "--concurrency", "3")["concurrency"], 3);
  for (const wrong of ["0", "x", "1.5", "-1"]) {
    assert.throws(
      () => parse("copy", "--concurrency", wrong),
      /--concurrency takes a whole number from 1/,
      wrong,
    );
  }
  assert.throws(() => parse("layout", "gc", "d", "--grace", "soon"), /--grace takes a time/);
});

test("arguments, aliases, nested commands, and a double dash", () => {
  assert.deepEqual(parse("image", "copy", "a", "b", "c").args, ["a", "b", "c"]);
  assert.equal(parse("tag", "ls", "-i", "r").name, "tag list");
  assert.deepEqual(parse("image", "cat", "p", "--", "-file").args, ["p", "-file"]);
  assert.equal(parse("-v").name, "version");
  assert.equal(parse("--version").name, "version");
  assert.equal(parse("--json", "-v").options["json"], true);
  assert.throws(() => parse("tag", "list", "-v"), /unknown option '-v'/);
});

test("options stand anywhere, before the command's name and between its words", () => {
  assert.deepEqual(options("-i", "r", "push", "-f", "a")["file"], ["a"]);
  const list = parse("--json", "tag", "-i=r", "ls", "--digests");
  assert.equal(list.name, "tag list");
  assert.equal(list.options["image"], "r");
  assert.equal(options("--file", "push", "push", "-i", "pull")["image"], "pull");
  assert.equal(parse("-l", "image", "ls", "place").name, "image ls");
  assert.deepEqual(parse("image", "--json", "cat", "p", "--", "--json").args, ["p", "--json"]);
});

test("letters in one bundle, Go's truth values and times, and the flags that scripts give for nothing", () => {
  const bundled = options("image", "ls", "-qly", "place");
  assert.deepEqual([bundled["quiet"], bundled["long"], bundled["yes"]], [true, true, true]);
  assert.deepEqual(options("push", "-qfa,b", "-i", "r")["file"], ["a", "b"]);
  assert.deepEqual(options("push", "-qf=a", "-i", "r", "-y=false")["file"], ["a"]);
  for (const on of ["1", "t", "T", "true", "TRUE", "True"])
    assert.equal(options("version", `--tty=${on}`)["tty"], true);
  for (const off of ["0", "f", "F", "false", "FALSE", "False"])
    assert.equal(options("version", `--tty=${off}`)["tty"], false);
  // A flag never takes the next word.
  assert.deepEqual(parse("image", "cat", "p", "--tty", "false").args, ["p", "false"]);
  assert.deepEqual(options("version", "--column", "name,digest", "--column=x")["column"], [
    "name",
    "digest",
    "x",
  ]);
  const timeout = (text: string) =>
    options("push", "-i", "r", "--registry-response-header-timeout", text)["registryResponseHeaderTimeout"];
  assert.deepEqual(["1s", "1.5s", ".5s", "500us", "2h45m"].map(timeout), [1000, 1500, 500, 0.5, 9_900_000]);
});

test("what is wrong with a line is a usage error with a hint", () => {
  const cases: [string[], RegExp, RegExp][] = [
    [["psuh"], /unknown command 'psuh'/, /did you mean push\?/],
    [["tag", "lst"], /unknown command 'lst'/, /did you mean one of list, ls\?/],
    [["zzzzzz"], /unknown command 'zzzzzz'/, /see lading --help/],
    [["help", "zzzzzz"], /unknown command 'zzzzzz'/, /see lading --help/],
    [["push", "-i", "r", "--lables", "a=b"], /unknown option '--lables'/, /did you mean --labels\?/],
    [["push", "-x"], /unknown option '-x'/, /see lading push --help/],
    [
      ["tag", "resolve"],
      /required option '-i, --image <ref>' not specified/,
      /see lading tag resolve --help/,
    ],
    [["push", "-i"], /option '-i, --image <ref>' argument missing/, /see lading push --help/],
    [["push", "-i", "r", "extra"], /too many arguments/, /see lading push --help/],
    [["image", "cat", "p"], /missing required argument 'path'/, /see lading image cat --help/],
    [
      ["version", "--progress", "loud"],
      /Allowed choices are auto, bars, plain, json, none/,
      /see lading version/,
    ],
  ];
  for (const [words, message, hint] of cases) {
    assert.throws(
      () => parseLine(words, "lading", () => 100),
      (error: LadingError) => {
        assert.equal(error.code, "ERR_LADING_USAGE");
        assert.match(error.message, message);
        assert.match(error.hint ?? "", hint);
        return true;
      },
      words.join(" "),
    );
  }
});

test("every command has a help page with its options and examples", () => {
  for (const spec of Object.values(commands)) {
    if ("hidden" in spec) continue;
    const text = help(...spec.path, "--help");
    assert.ok(
      text.startsWith(`Usage: lading ${spec.path.join(" ")}`.replace("tag list", "tag list|ls")),
      text,
    );
    assert.match(text, /Examples:\n {2}# /);
    assert.match(text, /--json/);
    for (const { line } of spec.examples) {
      assert.ok(text.includes(`lading ${line}`), `the example '${line}' is in the help`);
      const words = line.replace(/ [<>|] .*$/, "").split(" ");
      assert.equal(parse(...words).name, spec.path.join(" "), `the example '${line}' parses`);
    }
  }
});

test("help shows the form of a flag that changes something", () => {
  const text = help("push", "--help");
  assert.match(text, /--no-registry-verify-certs +do not check/);
  assert.match(text, /--registry-insecure +allow http/);
  assert.doesNotMatch(text, /--no-registry-insecure/);
  assert.doesNotMatch(text, /--yes/);
  assert.match(text, /given replaces the default \(default: \.git\)/);
});

test("help for the program and its groups lists what there is", () => {
  assert.deepEqual(help("help"), help("--help"));
  assert.deepEqual(help("help", "push"), help("push", "--help"));
  for (const group of groups) {
    const text = help(...group.path, "--help");
    for (const spec of Object.values(commands)) {
      if (spec.path.length > 1 && spec.path[0] === group.path[0])
        assert.ok(text.includes(spec.summary), spec.summary);
    }
  }
  assert.doesNotMatch(help("--help"), /__complete/);
});

test("no command shows the help without having been asked", () => {
  for (const words of [[], ["tag"], ["--json"]]) {
    const found = parseLine(words, "lading", () => 100);
    assert.deepEqual([found.kind, (found as { asked?: boolean }).asked], ["help", false], words.join(" "));
  }
});
