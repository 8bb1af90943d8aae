import { existsSync } from "node:fs";
import test from "node:test";
import { startDockerRegistry } from "../support/docker-registry.ts";
import { needs } from "../support/peers.ts";
import { startRegistry } from "../support/registry.ts";
import { tempDir } from "../support/tmp.ts";
import { everyRequestAndFault, scenario } from "./fault-matrix.ts";

const memory = "/dev/shm";

for (const faulty of ["source", "destination"] as const) {
  test(
    `docker-registry: every fault at every request at the ${faulty}`,
    needs("docker-registry"),
    async (t) => {
      // It waits for the disk with everything it writes; hundreds of copies need not.
      const dir = await tempDir(t, existsSync(memory) ? memory : undefined);
      const { host } = await startDockerRegistry(t, { dir });
      const destination = faulty === "source" ? (await startRegistry(t)).host : host;
      const scene = await scenario(t, { source: host, destination }, faulty);
      await everyRequestAndFault(scene, { alike: false });
    },
  );
}
