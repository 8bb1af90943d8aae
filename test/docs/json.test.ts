/** Every key that commands print with `--json` stands in docs/json.md, and what stands there is printed. */
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import test from "node:test";
import { bundleFolder } from "../bundle/acceptance/support.ts";
import { Yard } from "../bundle/copy/yard.ts";
import { lading } from "../cli/support/program.ts";
import { startRegistry } from "../support/registry.ts";

const root = process.env["LADING_ROOT"] ?? process.cwd();

interface DocumentedKey {
  readonly key: string;
  /** There only when there is something to say. */
  readonly optional: boolean;
}

/** The keys of each table, by the heading above it. */
async function documented(): Promise<Map<string, DocumentedKey[]>> {
  const sections = new Map<string, DocumentedKey[]>();
  let keys: DocumentedKey[] = [];
  for (const line of (await readFile(join(root, "docs/json.md"), "utf8")).split("\n")) {
    if (line.startsWith("## ")) {
      keys = [];
      sections.set(line.slice(3), keys);
    }
    const [, cell = ""] = /^\| (`.*?) \|/.exec(line) ?? [];
    for (const [, key = "", star] of cell.matchAll(/`([^`]+)`( \*)?/g)) {
      keys.push({ key, optional: star !== undefined });
    }
  }
  return sections;
}

/** `images[].moved.bytes` for each value that is no object. */
function* keysIn(value: unknown, path = ""): Generator<string> {
  if (Array.isArray(value)) {
    for (const item of value) yield* keysIn(item, `${path}[]`);
  } else if (typeof value === "object" && value !== null) {
    for (const [key, item] of Object.entries(value))
      yield* keysIn(item, path === "" ? key : `${path}.${key}`);
  } else yield path;
}

function check(printed: unknown, keys: readonly DocumentedKey[], line: string): void {
  const found = new Set(keysIn(printed));
  const prefixes = keys.flatMap(({ key }) => (key.endsWith("…") ? [key.slice(0, -1)] : []));
  const isKnown = (key: string) =>
    keys.some((each) => each.key === key) || prefixes.some((prefix) => key.startsWith(prefix));
  assert.deepEqual(
    [...found].filter((key) => !isKnown(key)),
    [],
    `${line} prints keys that are not documented`,
  );
  const absent = keys.filter(({ key, optional }) => !optional && !found.has(key));
  assert.deepEqual(absent, [], `${line} does not print what is documented`);
}

test("docs/json.md has the keys of every command", async (t) => {
  const sections = await documented();
  const keysOf = (...names: string[]) =>
    names.flatMap((name) => sections.get(name) ?? assert.fail(`no section ${name}`));
  const { host } = await startRegistry(t);
  const yard = await Yard.open(t);
  const app = await yard.image(`${host}/app`, 1);
  const nested = await yard.bundle(`${host}/nested`, [app]);
  bundleFolder(join(yard.dir, "bundle"), [nested, app]);
  const push = ["push"];
  const copied = ["push", "copy --to-repo"];
  const toTar = ["copy --to-tar"];
  const from = `copy -b ${host}/bundle:v1`;
  const lines: [string, string[]][] = [
    [`push -b ${host}/bundle:v1 -f bundle`, push],
    [`push -b ${host}/bundle:v2 -f bundle --to-tar pushed.tar`, toTar],
    [`image copy ${host}/app:v1 oci:layout:v1`, push],
    [`${from} --to-repo ${host}/x`, copied],
    [`${from} --to-tar b.tar`, toTar],
    [`${from} --to-tar b.tar --resume --plan`, toTar],
    [`${from} --to-tar new.tar --known ${host}/x`, toTar],
    [`copy --tar b.tar --to-repo ${host}/y`, copied],
    [`pull -b ${host}/bundle:v1 -o out`, ["pull"]],
    [`pull -b ${host}/x:v1 -r -o out`, ["pull"]],
    [`pull -i ${host}/app:v1 -o out`, ["pull"]],
    [`tag list -i ${host}/x`, ["tag list"]],
    [`tag list -i ${host}/x --digests`, ["tag list"]],
    [`tag resolve -i ${host}/x:v1`, ["tag resolve"]],
    [`bundle verify ${host}/x:v1`, ["bundle verify"]],
    [`tag list -i ${host}/nowhere`, ["errors"]],
  ];
  for (const [line, names] of lines) {
    const { stdout } = await lading([...line.split(" "), "--json"], { cwd: yard.dir });
    check(JSON.parse(stdout), keysOf(...names), line);
  }
});
