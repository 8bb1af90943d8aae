import { messageOf } from "../../../src/errors.ts";
import { apiChecks } from "./api-checks.ts";
import type { Check, Result } from "./check.ts";
import { Client, type Target } from "./client.ts";
import { dataSets } from "./data.ts";
import { dataChecks } from "./data-checks.ts";

/** All checks for both digest algorithms, in the order in which they must run. */
export function allChecks(): readonly Check[] {
  return (["sha256", "sha512"] as const).flatMap((algorithm) => [
    ...apiChecks(algorithm),
    ...dataSets(algorithm).flatMap((set) => dataChecks(set, algorithm)),
  ]);
}

/** Runs checks against a registry, one after the other; a failure does not stop the rest. */
export async function runConformance(
  target: Target,
  checks: readonly Check[] = allChecks(),
): Promise<readonly Result[]> {
  const client = new Client(target, "conformance");
  const results: Result[] = [];
  try {
    for (const { name, api, dev = false, run } of checks) {
      try {
        await run(client);
        results.push({ name, api, dev, status: "pass" });
      } catch (error) {
        results.push({ name, api, dev, status: "fail", message: messageOf(error) });
      }
    }
  } finally {
    await client.close();
  }
  return results;
}

/** The failures, one line each. */
export function failuresOf(results: readonly Result[]): readonly string[] {
  return results.flatMap(({ name, status, message }) =>
    status === "fail" ? [`${name}: ${(message ?? "").split("\n")[0]}`] : [],
  );
}
