import { join } from "node:path";
import { openLayout } from "../../src/stores/layout/open.ts";
import { tempDir } from "../support/tmp.ts";
import { storeContract } from "./contract.ts";
import { repositoryContract } from "./repository-contract.ts";

storeContract("layout", async (t) => {
  const store = await openLayout(join(await tempDir(t), "layout"), { create: true });
  return { sink: store, read: async () => store };
});

storeContract("layout, opened again", async (t) => {
  const folder = join(await tempDir(t), "layout");
  const store = await openLayout(folder, { create: true });
  return { sink: store, read: async () => openLayout(folder) };
});

repositoryContract("layout", async (t) => openLayout(join(await tempDir(t), "layout"), { create: true }));
