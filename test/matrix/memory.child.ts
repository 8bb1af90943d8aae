import { readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { pushImage } from "../../src/bundle/push/push.ts";
import { copy } from "../../src/copy/copy.ts";
import { diskRepositories } from "../../src/server/repositories/disk.ts";
import { createRegistryServer } from "../../src/server/server.ts";
import { openLayout } from "../../src/stores/layout/open.ts";
import { createRegistryClient } from "../../src/stores/registry/client.ts";
import type { Source } from "../../src/stores/store.ts";

// serve <folder>              a registry until stdin ends; says its port
// copy <from> <to>            from and to: layout:<folder> or <host>; says the peak of its memory
// push <folder> <to> [parallel]  as `lading push` does; says the peak of its memory

const [what = "", first = "", second = "", third = ""] = process.argv.slice(2);

/** Peak of the memory that this process held, in bytes (proc(5), VmHWM). */
function peak(): number {
  return Number(/VmHWM:\s+([0-9]+) kB/.exec(readFileSync("/proc/self/status", "utf8"))?.[1]) * 1024;
}

if (what === "serve") {
  const server = createRegistryServer({ repositories: diskRepositories(first) });
  const { port } = await server.listen();
  process.stdout.write(`${port}\n`);
  for await (const _ of process.stdin);
  process.stdout.write(`${peak()}\n`);
  await server.close({ graceMs: 0 });
} else if (what === "push") {
  await using client = createRegistryClient();
  const sink = client.repository({ registry: second, repository: "tree" });
  const compression = third === "parallel" ? "parallel" : "imgpkg";
  const { moved } = await pushImage([{ path: first }], { sink }, { tempDir: tmpdir(), compression });
  process.stdout.write(`${JSON.stringify({ peak: peak(), moved: moved.bytes })}\n`);
} else {
  await using client = createRegistryClient();
  const repository = (host: string) => client.repository({ registry: host, repository: "big" });
  const from: Source = first.startsWith("layout:") ? await openLayout(first.slice(7)) : repository(first);
  const { moved } = await copy([{ from, reference: "v1", to: repository(second), tags: ["v1"] }]);
  process.stdout.write(`${JSON.stringify({ peak: peak(), moved: moved.bytes })}\n`);
}
