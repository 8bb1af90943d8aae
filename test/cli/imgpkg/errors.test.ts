import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import test from "node:test";
import { during } from "../../../src/bundle/steps.ts";
import { layOut, sentenceOf } from "../../../src/cli/imgpkg/errors.ts";
import { goValue } from "../../../src/cli/imgpkg/go-value.ts";
import { LadingError, PartialError, RegistryError } from "../../../src/errors.ts";
import { bundleFolder } from "../../bundle/acceptance/support.ts";
import { startDockerRegistry } from "../../support/docker-registry.ts";
import { startOrigin } from "../../support/hostile-origin.ts";
import { needs } from "../../support/peers.ts";
import { startRegistry } from "../../support/registry.ts";
import { tempDir } from "../../support/tmp.ts";
import { ended, imgpkg, lading, startLading } from "../support/program.ts";

test("a step is a line of its own, two columns further in than the one before", () => {
  const cases: [string, string][] = [
    ["one: Two: Three: four", "one:\n  Two:\n    Three: four"],
    ["plain: text", "plain: text"],
    ["A (b: C [d: E] {f: G}): H", "A (b: C [d: E] {f: G}):\n  H"],
    // What imgpkg cuts off after a bracket that closes nothing.
    ["Parsing 'aa)bb': Could not", "Parsing 'aa)bb':\n  Could not"],
    ["open ( is never closed: Here", "open ( is never closed: Here"],
    ["a: B\nc: D", "a:\n  B\nc: D"],
    ["http://h:5000/: Code", "http://h:5000/:\n  Code"],
  ];
  for (const [sentence, laidOut] of cases) assert.equal(layOut(sentence), laidOut);
});

test("Go's way to print values", () => {
  assert.equal(goValue({ b: [1, "x", null], a: { Tag: "v1" } }), "map[a:map[Tag:v1] b:[1 x <nil>]]");
  assert.equal(goValue([true, 1.5, 1e21, 0, 123456]), "[true 1.5 1e+21 0 123456]");
  assert.equal(goValue([]), "[]");
});

async function caught(task: () => Promise<unknown>): Promise<unknown> {
  try {
    await task();
  } catch (error) {
    return error;
  }
  throw new Error("nothing was thrown");
}

test("an error is its steps, its message and its own hint", async () => {
  const error = await caught(() =>
    during("Reading Images from Bundle", () =>
      during("Reading ImagesLock file", () => {
        throw new LadingError("ERR_LADING_UNSUPPORTED", "Expected one", { hint: "Use -b: Or not" });
      }),
    ),
  );
  assert.equal(
    sentenceOf(error),
    "Reading Images from Bundle: Reading ImagesLock file: Expected one (hint: Use -b: Or not)",
  );
});

test("what a registry answered is told by its own words, however it is wrapped", () => {
  const data = { status: 404, method: "GET", url: "http://h/v2/a/manifests/v1" };
  const entry = { code: "MANIFEST_UNKNOWN", message: "manifest unknown", detail: { Tag: "v1" } };
  const listed = new RegistryError("ERR_LADING_NOT_FOUND", "x", { ...data, errors: [entry] });
  const told = "GET http://h/v2/a/manifests/v1: MANIFEST_UNKNOWN: manifest unknown; map[Tag:v1]";
  assert.equal(sentenceOf(listed), told);
  const two = new RegistryError("ERR_LADING_DENIED", "x", {
    ...data,
    errors: [entry, { code: "DENIED", message: "no" }],
  });
  assert.match(sentenceOf(two), /: multiple errors returned: MANIFEST_UNKNOWN: .*; DENIED: no$/);
  const bare = new RegistryError("ERR_LADING_NOT_FOUND", "x", { ...data, errors: [] });
  assert.equal(sentenceOf(bare), "GET http://h/v2/a/manifests/v1: unexpected status code 404 Not Found");
  const odd = new RegistryError("ERR_LADING_NOT_FOUND", "x", {
    ...data,
    errors: [],
    body: '{"error":"gone"}',
  });
  assert.match(sentenceOf(odd), /unexpected status code 404 Not Found: \{"error":"gone"\}$/);
  const wrapped = new LadingError("ERR_LADING_NOT_FOUND", "Checking image existence", { cause: listed });
  assert.equal(sentenceOf(wrapped), `Checking image existence: ${told}`);
  const quoting = new LadingError("ERR_LADING_NOT_FOUND", "it is MANIFEST_UNKNOWN", { cause: listed });
  assert.equal(sentenceOf(quoting), "it is MANIFEST_UNKNOWN");
});

test("files, places and several errors", async () => {
  const system = await caught(async () => readFileSync("/nonexistent"));
  assert.equal(sentenceOf(system), "open /nonexistent: no such file or directory");
  const document = new LadingError("ERR_LADING_DOCUMENT", "Unknown kind", { place: "a.yml" });
  assert.equal(sentenceOf(document), "Unknown kind (at a.yml)");
  const partial = new PartialError("two failed", [document, new Error("other")]);
  assert.equal(sentenceOf(partial), "two failed\n- Unknown kind (at a.yml)\n- other");
});

test("docker-registry's error is shown as imgpkg shows it", needs("docker-registry"), async (t) => {
  const { host } = await startDockerRegistry(t);
  const { code, stdout, stderr } = await imgpkg(["tag", "resolve", "-i", `${host}/nothere:v1`]);
  assert.equal(code, 1);
  assert.equal(stdout, "");
  assert.equal(
    stderr,
    `imgpkg: Error: GET http://${host}/v2/nothere/manifests/v1:\n` +
      "  MANIFEST_UNKNOWN: manifest unknown; map[Tag:v1]\n",
  );
  const own = await lading(["tag", "resolve", "-i", `${host}/nothere:v1`]);
  assert.equal(own.code, 3);
  assert.match(own.stderr, /^error ERR_LADING_NOT_FOUND: /);
});

test("text of a registry can neither steer a terminal nor begin a line", async (t) => {
  const { host } = await startOrigin(t, (_request, response) => {
    const detail = { "a\u001b[2J": "b\u0007", deep: [[[[[[[["too deep"]]]]]]]] };
    const errors = [{ code: "DENIED", message: "no\u001b[31m\nimgpkg: Error: forged", detail }];
    response.writeHead(403, { "content-type": "application/json" }).end(JSON.stringify({ errors }));
  });
  const { code, stderr } = await imgpkg(["tag", "resolve", "-i", `${host}/a:v1`]);
  assert.equal(code, 1);
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what it is about
  assert.doesNotMatch(stderr, /[\u001b\u0007]|too deep|^imgpkg: Error: forged/m);
  assert.match(stderr, /DENIED: no/);
});

test("Ctrl-C ends with 130, and nothing but that is said", async (t) => {
  let asked = () => {};
  const waiting = new Promise<void>((resolve) => {
    asked = resolve;
  });
  const { host } = await startOrigin(t, () => asked());
  const child = startLading(["tag", "resolve", "-i", `${host}/a:v1`], { as: "imgpkg" });
  const end = ended(child);
  await waiting;
  child.kill("SIGINT");
  const { code, stdout, stderr } = await end;
  assert.equal(code, 130);
  assert.equal(stdout, "");
  assert.match(stderr, /\nimgpkg: Error: interrupted\n$/);
});

test("a connection that fails is told with Go's words as well", async () => {
  const { code, stderr } = await imgpkg([
    "tag",
    "resolve",
    "-i",
    "127.0.0.1:1/a:v1",
    "--registry-retry-count=1",
  ]);
  assert.equal(code, 1);
  assert.match(
    stderr,
    /^imgpkg: Error: .*127\.0\.0\.1:1 refuses connections: connect: connection refused \(hint: /,
  );
  const untrusted = new LadingError("ERR_LADING_TLS", "it is self-signed", {
    cause: Object.assign(new Error("x"), { code: "DEPTH_ZERO_SELF_SIGNED_CERT" }),
  });
  assert.equal(sentenceOf(untrusted), "it is self-signed: x509: certificate signed by unknown authority");
});

test("references that are none get imgpkg's words", async () => {
  const run = async (reference: string) => (await imgpkg(["tag", "resolve", "-i", reference])).stderr;
  assert.match(await run("aa)bb"), /^imgpkg: Error: could not parse reference: aa\)bb: /);
  assert.match(
    await run("https://host.example/app"),
    /^imgpkg: Error: Reference 'https:\/\/host\.example\/app' should not include https:\/\/ protocol prefix/,
  );
});

test("a failure is JSON as well when that was asked for", async (t) => {
  const { host } = await startOrigin(t, (_request, response) => {
    response.writeHead(404).end("<gone>");
  });
  const sentence = `GET http://${host}/v2/a/manifests/v1: unexpected status code 404 Not Found: <gone>`;
  const { code, stdout, stderr } = await imgpkg(["tag", "resolve", "-i", `${host}/a:v1`, "--json"]);
  assert.equal(code, 1);
  assert.deepEqual(JSON.parse(stdout), { Tables: null, Blocks: null, Lines: null, Error: sentence });
  assert.match(stdout, /^\{\n {4}"Tables": null,\n.*\\u003cgone\\u003e"\n\}$/s);
  assert.equal(stderr, `imgpkg: Error: ${sentence}\n`);
  const usage = await imgpkg(["tag", "list", "--json"]);
  assert.equal(JSON.parse(usage.stdout).Error, `required flag(s) "image" not set`);
});

test("files that are not there are named as they were written", async (t) => {
  const cwd = await tempDir(t);
  const { host } = await startRegistry(t);
  bundleFolder(join(cwd, "app"), []);
  const push = ["push", "-b", `${host}/app:v1`, "-f", "app", "--lock-output", "absent/lock.yml"];
  const reading = "Reading path absent.yml: open absent.yml: no such file or directory";
  const cases: [string[], string][] = [
    [push, "Writing bundle config: open absent/lock.yml: no such file or directory"],
    [["pull", "--lock", "absent.yml", "-o", "out"], reading],
    [["copy", "--lock", "absent.yml", "--to-repo", `${host}/x`], reading],
  ];
  for (const [args, said] of cases) {
    const { code, stdout, stderr } = await imgpkg(args, { cwd });
    assert.deepEqual([code, stdout], [1, ""], stderr);
    assert.ok(stderr.includes(said), stderr);
  }
  // Told before anything is pushed.
  const { stderr } = await imgpkg(["tag", "list", "-i", `${host}/app`]);
  assert.match(stderr, /NAME_UNKNOWN/);
});
