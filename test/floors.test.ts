import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";
import test from "node:test";

/** The floors of ARCHITECTURE.md: an import points to the same floor's own folder or down, never up or across. */
const floors: Readonly<Record<string, number>> = {
  cli: 9,
  api: 8,
  server: 8,
  bundle: 7,
  cnab: 7,
  source: 7,
  buildpacks: 7,
  sandbox: 6,
  image: 5,
  copy: 4,
  stores: 3,
  formats: 2,
  bytes: 1,
  spec: 0,
  "errors.ts": 0,
  "events.ts": 0,
};

const root = process.env["LADING_ROOT"] ?? process.cwd();
const src = join(root, "src");

function sources(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    return entry.isDirectory() ? sources(path) : path.endsWith(".ts") ? [path] : [];
  });
}

function placeOf(file: string): string {
  return relative(src, file).split("/")[0] ?? "";
}

const importPattern = /(?:from\s+|import\s*\(\s*|import\s+|new URL\(\s*)"(\.{1,2}\/[^"]+)"/g;

test("every folder of src has a floor", () => {
  for (const entry of readdirSync(src)) {
    assert.ok(entry === "index.ts" || Object.hasOwn(floors, entry), `${entry} has no floor`);
  }
});

test("imports point down the floors", () => {
  const wrong: string[] = [];
  for (const file of sources(src)) {
    const from = placeOf(file);
    if (from === "index.ts") continue;
    for (const [, target = ""] of readFileSync(file, "utf8").matchAll(importPattern)) {
      const to = placeOf(resolve(dirname(file), target));
      // The program says its own version, which stands in the package's manifest.
      if (from === "cli" && resolve(dirname(file), target) === join(root, "package.json")) continue;
      const allowed =
        to === from || (floors[to] ?? 99) < (floors[from] ?? 0) || (floors[from] === 0 && floors[to] === 0);
      if (!allowed) wrong.push(`${relative(root, file)} imports ${target}`);
    }
  }
  assert.deepEqual(wrong, []);
});

test("below cli/ nothing prints, reads the environment or starts a process", () => {
  const wrong: string[] = [];
  for (const file of sources(src)) {
    const place = placeOf(file);
    if (place === "cli") continue;
    const text = readFileSync(file, "utf8");
    if (/\bprocess\.(?:env|stdout|stderr|exit|argv)\b|\bconsole\./.test(text))
      wrong.push(`${relative(root, file)} touches the process`);
    const mayStart = place === "sandbox" || file.endsWith("/auth/helper.ts");
    if (!mayStart && /"node:child_process"/.test(text))
      wrong.push(`${relative(root, file)} starts processes`);
  }
  assert.deepEqual(wrong, []);
});
