import { join } from "node:path";
import { createDockerArchive, createOciArchive } from "../../src/stores/archive/archive-writer.ts";
import { openArchive } from "../../src/stores/archive/open.ts";
import { tempDir } from "../support/tmp.ts";
import { storeContract } from "./contract.ts";

for (const [name, create] of [
  ["oci-archive", createOciArchive],
  ["docker-archive", createDockerArchive],
] as const) {
  storeContract(
    name,
    async (t) => {
      const path = join(await tempDir(t), "archive.tar");
      const sink = await create(path);
      return {
        sink,
        read: async () => {
          await sink.commit();
          const archive = await openArchive(path);
          t.after(() => archive[Symbol.asyncDispose]());
          return archive;
        },
      };
    },
    { live: false },
  );

  storeContract(`${name}, read while it is written`, async (t) => {
    const sink = await create(join(await tempDir(t), "archive.tar"));
    return { sink, read: async () => sink };
  });
}
