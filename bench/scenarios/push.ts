import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { findProgram } from "../../test/support/peers.ts";
import { saveLayer } from "../content.ts";
import { makeTree } from "../corpus.ts";
import { FreshRegistry } from "../registries.ts";
import { run } from "../run.ts";
import type { Scenario, Side } from "../scenario.ts";
import { tarTreeDigest } from "../tree-digest.ts";

/** Files to an image in a registry; beside it what it costs only to compress and to hash them. */
export const scenario: Scenario = {
  name: "push",
  title: "a folder to an image in a registry",
  registries: true,
  async prepare(bench) {
    const tree = join(bench.dir, "tree");
    await mkdir(tree);
    const { files, bytes } = await makeTree(tree, bench.tree);
    const registry = new FreshRegistry(bench);
    const image = () => `${registry.host}/bench/tree:v1`;

    const push = (name: string, command: () => readonly string[]): Side => ({
      name,
      ...registry.around,
      command,
      content: async (dir) => {
        const layer = join(dir, "layer.tgz");
        await saveLayer(registry.host, "bench/tree", "v1", layer);
        return await tarTreeDigest(layer);
      },
    });
    const lading = () => [process.execPath, bench.lading, "push", "-q", "-i", image(), "-f", tree];
    const limit = (name: string, compressor: string, wrap: readonly string[] = []): Side => ({
      name,
      command: () => [
        ...wrap,
        ...["sh", "-c", 'tar -C "$1" -cf - . | $2 | sha256sum', "sh", tree, compressor],
      ],
      content: async (dir) => {
        const layer = join(dir, "layer.tgz");
        await run("sh", ["-c", 'tar -C "$1" -cf - . | $2 > "$3"', "sh", tree, compressor, layer]);
        return await tarTreeDigest(layer);
      },
    });

    const taskset = findProgram("taskset");
    const oneCore = taskset === undefined ? [] : [taskset, "-c", "0"];
    const baseline = `tar | gzip -1 | sha256sum${taskset === undefined ? "" : ", one core"}`;
    return {
      bytes,
      input: `${files} files, ${(bytes / 1e6).toFixed(0)} MB`,
      baseline,
      sides: [
        push("lading push", lading),
        ...(taskset === undefined ? [] : [push("lading push, one core", () => [...oneCore, ...lading()])]),
        ...(findProgram("imgpkg") === undefined
          ? []
          : [push("imgpkg push", () => ["imgpkg", "push", "-i", image(), "-f", tree])]),
        ...(findProgram("crane") === undefined
          ? []
          : [
              push("tar | crane append", () => [
                ...["sh", "-c", 'tar -C "$1" -cf - . | crane append -f - -t "$2"', "sh", tree, image()],
              ]),
            ]),
        limit(baseline, "gzip -1", oneCore),
        ...(findProgram("pigz") === undefined ? [] : [limit("tar | pigz -1 | sha256sum", "pigz -1")]),
      ],
    };
  },
};
