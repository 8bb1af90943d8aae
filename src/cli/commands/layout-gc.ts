import { resolve } from "node:path";
import { openLayout } from "../../stores/layout/open.ts";
import type { Context, OptionsOf, Outcome } from "../command.ts";
import type { layoutGcSpec } from "../tree/places.ts";
import { count, formatBytes } from "../units.ts";

export async function run(
  options: OptionsOf<typeof layoutGcSpec>,
  context: Context,
  [dir = ""]: readonly string[],
): Promise<Outcome> {
  await using layout = await openLayout(resolve(context.environment.cwd, dir), { label: `oci:${dir}` });
  const report = await layout.gc({
    graceMs: options.grace,
    untagged: options.untagged,
    dryRun: options.plan,
    signal: context.signal,
  });
  // Files lie on disk in any order; what is printed does not.
  const removed = [...report.removed].sort((a, b) => (a.digest < b.digest ? -1 : 1));
  const verb = options.plan ? "would remove" : "removed";
  const lines = [
    ...report.unlisted.map((digest) => `${verb} image ${digest}`),
    ...removed.map(({ digest, size }) => `${verb} blob ${digest} (${formatBytes(size)})`),
    `${verb} ${count(report.removed.length, "blob")} (${formatBytes(report.freedBytes)}), kept ${report.kept}` +
      (report.young === 0
        ? ""
        : `, left ${report.young} that ${report.young === 1 ? "is" : "are"} younger than the grace time`),
  ];
  return { data: { plan: options.plan, ...report, removed }, text: lines.join("\n"), quiet: "" };
}
