import { resolve } from "node:path";
import { openLayout } from "../../stores/layout/open.ts";
import type { VerifyFinding } from "../../stores/layout/verify.ts";
import type { Context, OptionsOf, Outcome } from "../command.ts";
import { exitCodes } from "../exit-codes.ts";
import { printable } from "../table.ts";
import type { layoutVerifySpec } from "../tree/places.ts";
import { count, formatBytes } from "../units.ts";

export async function run(
  { sparse }: OptionsOf<typeof layoutVerifySpec>,
  context: Context,
  [dir = ""]: readonly string[],
): Promise<Outcome> {
  await using layout = await openLayout(resolve(context.environment.cwd, dir), { label: `oci:${dir}` });
  const report = await layout.verify({ on: context.on, signal: context.signal });
  const lines = [
    ...report.wrong.flatMap((finding) => findingLines("wrong", finding)),
    ...report.missing.flatMap((finding) => findingLines("absent", finding)),
    ...report.unexpected.map((path) => `unexpected file ${printable(path)}`),
  ];
  if (report.orphaned.length > 0) {
    const bytes = report.orphaned.reduce((sum, { size }) => sum + size, 0);
    lines.push(
      `${count(report.orphaned.length, "blob")} unused (${formatBytes(bytes)}): see lading layout gc`,
    );
  }
  lines.push(
    `${report.checked} checked (${formatBytes(report.bytes)}), ${report.wrong.length} wrong, ${report.missing.length} absent`,
  );
  const absent = sparse ? exitCodes.done : exitCodes["not-found"];
  return {
    data: report,
    text: lines.join("\n"),
    exitCode:
      report.wrong.length > 0 ? exitCodes.integrity : report.missing.length > 0 ? absent : exitCodes.done,
  };
}

function findingLines(what: string, { digest, kind, message, path }: VerifyFinding): string[] {
  const parent = path.at(-1);
  return [
    `${what} ${kind} ${digest}: ${printable(message)}`,
    ...(parent === undefined ? [] : [`  needed by ${parent}`]),
  ];
}
