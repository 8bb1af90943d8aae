import assert from "node:assert/strict";
import test from "node:test";
import packageJson from "../../package.json" with { type: "json" };
import type { Context } from "../../src/cli/command.ts";
import { run as completion } from "../../src/cli/commands/completion.ts";
import { run as describe } from "../../src/cli/commands/describe.ts";
import { run as tagList } from "../../src/cli/commands/tag-list.ts";
import { run as tagResolve } from "../../src/cli/commands/tag-resolve.ts";
import { run as version } from "../../src/cli/commands/version.ts";
import { scriptFor } from "../../src/cli/completion/scripts.ts";
import { parseLine } from "../../src/cli/program.ts";
import { createRegistryClient } from "../../src/stores/registry/client.ts";
import { putBundle } from "../support/bundle-image.ts";
import { file, putImage, tarOf } from "../support/image.ts";
import { startRegistry } from "../support/registry.ts";
import { tempDir } from "../support/tmp.ts";

async function context(t: test.TestContext): Promise<Context> {
  const home = await tempDir(t);
  return {
    environment: { variables: {}, cwd: home, home, tempDir: home },
    signal: new AbortController().signal,
    on: () => {},
    concurrency: undefined,
    stdin: (async function* () {})(),
    write: async () => {},
    stdoutIsTerminal: false,
    say: () => {},
  };
}

/** The options of a line as the program parses them. */
function options(...words: string[]): never {
  const invocation = parseLine(words, "imgpkg", () => 80);
  assert.equal(invocation.kind, "run");
  return (invocation as { options: unknown }).options as never;
}

test("what imgpkg prints for tags, descriptions, its version and completion", async (t) => {
  const { host } = await startRegistry(t);
  const client = createRegistryClient();
  t.after(() => client.close());
  const store = client.repository({ registry: host, repository: "x" });
  const { descriptor } = await putImage(store, [tarOf(file("a"))], { tag: "v1" });
  await store.tag(descriptor, `${descriptor.digest.replace(":", "-")}.imgpkg`);
  const here = await context(t);
  const repository = `${host}/x`;
  const table = { kind: "table", title: "Tags", unit: "tags" };

  const names = await tagList(options("tag", "list", "-i", repository), here);
  assert.deepEqual(names.imgpkg, [{ ...table, header: ["Name"], rows: [{ name: "v1" }] }]);
  const digests = await tagList(options("tag", "list", "-i", repository, "--digests"), here);
  assert.deepEqual(digests.imgpkg, [
    { ...table, header: ["Name", "Digest"], rows: [{ name: "v1", digest: descriptor.digest }] },
  ]);
  const resolved = await tagResolve(options("tag", "resolve", "-i", `${repository}:v1`), here);
  assert.deepEqual(resolved.imgpkg, [{ kind: "block", text: `${repository}@${descriptor.digest}` }]);

  const bundle = await putBundle(store, { images: [], tag: "b1" });
  const line = ["describe", "-b", `${repository}:b1`];
  const name = `${repository}@${bundle.digest}`;
  assert.deepEqual((await describe(options(...line), here)).imgpkg, [
    { kind: "block", text: `Bundle SHA: ${bundle.digest}\n` },
    { kind: "block", text: "\n" },
  ]);
  assert.deepEqual((await describe(options(...line, "-o", "yaml", "--layers=false"), here)).imgpkg, [
    { kind: "block", text: `sha: ${bundle.digest}\n` },
    { kind: "block", text: `content: {}\nimage: ${name}\nmetadata: {}\norigin: ${name}\n` },
  ]);

  assert.deepEqual((await version()).imgpkg, [
    { kind: "block", text: `imgpkg version ${packageJson.version}\n` },
  ]);
  assert.deepEqual((await completion({}, here, ["fish"])).imgpkg, [
    { kind: "block", text: scriptFor("fish", "imgpkg") },
  ]);
});
