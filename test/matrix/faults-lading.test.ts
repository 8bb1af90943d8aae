import test from "node:test";
import { startRegistry } from "../support/registry.ts";
import { everyRequestAndFault, scenario } from "./fault-matrix.ts";

for (const faulty of ["source", "destination", "both"] as const) {
  const where = faulty === "both" ? "within one registry" : `at the ${faulty}`;
  test(`every fault at every request ${where}`, async (t) => {
    const destination = (await startRegistry(t)).host;
    const source = faulty === "both" ? destination : (await startRegistry(t)).host;
    await everyRequestAndFault(await scenario(t, { source, destination }, faulty), {
      alike: faulty !== "both",
    });
  });
}

test("every lasting fault at every request", async (t) => {
  const destination = (await startRegistry(t)).host;
  const source = (await startRegistry(t)).host;
  for (const faulty of ["source", "destination"] as const)
    await everyRequestAndFault(await scenario(t, { source, destination }, faulty), {
      lasting: true,
      alike: false,
    });
});
