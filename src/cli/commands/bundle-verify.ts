import {
  type BundleVerifyReport,
  faults,
  type VerifiedImage,
  type VerifyState,
} from "../../bundle/verify/model.ts";
import { verifyBundle } from "../../bundle/verify/verify.ts";
import { parseReference } from "../../spec/reference.ts";
import type { Context, OptionsOf, Outcome } from "../command.ts";
import { exitCodes } from "../exit-codes.ts";
import { Places } from "../places.ts";
import { printable, table } from "../table.ts";
import type { bundleVerifySpec } from "../tree/bundle.ts";
import { count, formatBytes } from "../units.ts";

const exitCodeOf: Readonly<Record<VerifyState, number>> = {
  ok: exitCodes.done,
  missing: exitCodes["not-found"],
  wrong: exitCodes.integrity,
  denied: exitCodes.denied,
  failed: exitCodes.failed,
};

export async function run(
  options: OptionsOf<typeof bundleVerifySpec>,
  context: Context,
  [name = ""]: readonly string[],
): Promise<Outcome> {
  const { signal, on, concurrency } = context;
  await using places = new Places(options, context);
  const reference = parseReference(name);
  const source = (await places.client(reference.registry)).repository(reference);
  const report = await verifyBundle({ reference, source }, places.repositories(), {
    ...{ signal, on, bytes: options.bytes },
    ...(concurrency === undefined ? {} : { concurrency }),
  });
  const summary = summaryOf(report, options.bytes);
  const faulty = report.images.filter(({ state }) => state !== "ok");
  return {
    data: report,
    text: [...linesOf(report.images), summary].join("\n"),
    quiet: linesOf(faulty).join("\n"),
    exitCode: exitCodeOf[report.state],
  };
}

/** A line for each image, and below it what is wrong with it and who names it. */
function linesOf(images: readonly VerifiedImage[]): string[] {
  const rows = table(images.map(({ state, kind, image }) => [state, kind, image])).split("\n");
  return images.flatMap(({ origin, image, problems, neededBy }, i) => [
    rows[i] ?? "",
    ...(origin === image ? [] : [`  from ${origin}`]),
    ...problems.map(({ message, digest }) =>
      digest === undefined ? `  ${printable(message)}` : `  ${digest}: ${printable(message)}`,
    ),
    ...(problems.length === 0 ? [] : neededBy.map((bundle) => `  needed by ${bundle}`)),
  ]);
}

function summaryOf({ images, checked, bytes }: BundleVerifyReport, isRead: boolean): string {
  const counts = faults.map((fault) => `${images.filter(({ state }) => state === fault).length} ${fault}`);
  const read = isRead ? `, ${formatBytes(bytes)} read` : "";
  return `${count(images.length, "image")}, ${count(checked, "part")} checked${read}: ${counts.join(", ")}`;
}
