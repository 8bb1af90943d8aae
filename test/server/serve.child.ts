// Serves the folder of its argument until it is killed; says its URL on stdout.
import { diskRepositories } from "../../src/server/repositories/disk.ts";
import { createRegistryServer } from "../../src/server/server.ts";

const [, , folder = ""] = process.argv;
const server = createRegistryServer({ repositories: diskRepositories(folder) });
const { url } = await server.listen();
process.stdout.write(`${url}\n`);
