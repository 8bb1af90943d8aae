import test from "node:test";
import { startDockerRegistry } from "../support/docker-registry.ts";
import { needs } from "../support/peers.ts";
import { everyRequestAndFault, scenario } from "./fault-matrix.ts";

for (const faulty of ["source", "destination"] as const) {
  test(
    `docker-registry: every fault at every request at the ${faulty}`,
    needs("docker-registry"),
    async (t) => {
      const { host } = await startDockerRegistry(t);
      await everyRequestAndFault(await scenario(t, { source: host, destination: host }, faulty), false);
    },
  );
}
