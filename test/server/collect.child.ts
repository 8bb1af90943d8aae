// Serves the folder of its argument and collects all garbage in it; says its URL, and `collected` once that is done.
import { diskRepositories } from "../../src/server/repositories/disk.ts";
import { createRegistryServer } from "../../src/server/server.ts";

const [, , folder = ""] = process.argv;
const server = createRegistryServer({
  repositories: diskRepositories(folder),
  collection: { graceMs: 0, untaggedManifests: true },
});
const { url } = await server.listen();
process.stdout.write(`${url}\n`);
await server.collect();
process.stdout.write("collected\n");
