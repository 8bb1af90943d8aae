// node main.js [--rounds N] [--only NAME] [--registry KIND] [--quick] [--json FILE]
// Runs every scenario of bench/scenarios with all its sides in turn, several rounds, and prints medians. Started by
// scripts/bench.mjs, which builds it.
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { availableParallelism, cpus, tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { fullTree, quickTree } from "./corpus.ts";
import { type Measured, measure } from "./measure.ts";
import { type RegistryKind, registriesHere } from "./registries.ts";
import { type ScenarioResult, summarise, table } from "./report.ts";
import type { Bench, Scenario } from "./scenario.ts";

const { values } = parseArgs({
  options: {
    rounds: { type: "string" },
    only: { type: "string", multiple: true, default: [] },
    registry: { type: "string", multiple: true, default: [] },
    quick: { type: "boolean", default: false },
    json: { type: "string" },
  },
});
const rounds = Number(values.rounds ?? (values.quick ? 2 : 5));
if (!Number.isInteger(rounds) || rounds < 1) throw new Error("--rounds wants a number from 1");

const here = fileURLToPath(new URL(".", import.meta.url));
const wantedKinds = registriesHere().filter(
  (kind) => values.registry.length === 0 || values.registry.includes(kind),
);
// A quick look is at one of them.
const kinds = values.quick ? wantedKinds.slice(0, 1) : wantedKinds;
const [anyKind] = kinds;
if (anyKind === undefined) throw new Error(`no such registry here; there are ${registriesHere().join(", ")}`);

async function scenarios(): Promise<Scenario[]> {
  const names = readdirSync(join(here, "scenarios")).filter((name) => name.endsWith(".js"));
  const all: Scenario[] = [];
  for (const name of names.sort()) {
    const module = (await import(new URL(`./scenarios/${name}`, import.meta.url).href)) as {
      scenario: Scenario;
    };
    all.push(module.scenario);
  }
  const wanted = all.filter(({ name }) => values.only.length === 0 || values.only.includes(name));
  if (wanted.length === 0)
    throw new Error(`no such scenario; there are ${all.map(({ name }) => name).join(", ")}`);
  return wanted;
}

async function runScenario(scenario: Scenario, registry: RegistryKind, dir: string): Promise<ScenarioResult> {
  const bench: Bench = {
    dir,
    tree: values.quick ? quickTree : fullTree,
    quick: values.quick,
    child: (name) => join(here, `${name}.child.js`),
    lading: process.env["LADING_PROGRAM"] ?? join("dist", "bin", "lading.js"),
    registry,
  };
  const prepared = await scenario.prepare(bench);
  try {
    const runs = new Map<string, Measured[]>(prepared.sides.map(({ name }) => [name, []]));
    const contents = new Map<string, string>();
    const written = new Map<string, number>();
    // Round 0 warms the caches and shows that everybody does the same.
    for (let round = 0; round <= rounds; round++) {
      for (const side of prepared.sides) {
        const runDir = join(dir, "run");
        mkdirSync(runDir);
        await side.before?.(runDir);
        try {
          const measured = await measure(side.command(runDir));
          if (round === 0) {
            contents.set(side.name, await side.content(runDir, measured.output));
            if (side.written !== undefined) written.set(side.name, await side.written(runDir));
          } else runs.get(side.name)?.push(measured);
        } finally {
          await side.after?.(runDir);
        }
        rmSync(runDir, { recursive: true });
      }
      if (round === 0) checkSame(scenario, contents);
    }
    return {
      scenario: scenario.name,
      title: scenario.title,
      ...(scenario.registries === true ? { registry } : {}),
      input: prepared.input,
      baseline: prepared.baseline,
      content: [...contents.values()][0] ?? "nothing",
      sides: summarise(runs, prepared.bytes, prepared.baseline, written),
    };
  } finally {
    await prepared.close?.();
  }
}

function checkSame(scenario: Scenario, contents: ReadonlyMap<string, string>): void {
  if (new Set(contents.values()).size <= 1) return;
  const each = [...contents].map(([side, content]) => `  ${side}: ${content}`).join("\n");
  throw new Error(`${scenario.name}: the sides made different things:\n${each}`);
}

const results: ScenarioResult[] = [];
const dir = mkdtempSync(join(tmpdir(), "lading-bench-"));
try {
  for (const scenario of await scenarios()) {
    for (const kind of scenario.registries === true ? kinds : [anyKind]) {
      const own = join(dir, scenario.name);
      mkdirSync(own);
      const result = await runScenario(scenario, kind, own);
      rmSync(own, { recursive: true });
      results.push(result);
      console.log(`${table(result)}\n`);
    }
  }
} finally {
  rmSync(dir, { recursive: true, force: true });
}
if (values.json !== undefined) {
  const machine = {
    node: process.version,
    cores: availableParallelism(),
    cpu: cpus()[0]?.model ?? "unknown",
  };
  writeFileSync(
    values.json,
    `${JSON.stringify({ machine, rounds, quick: values.quick, results }, null, 2)}\n`,
  );
}
