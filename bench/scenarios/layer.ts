import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { findProgram } from "../../test/support/peers.ts";
import { makeTree } from "../corpus.ts";
import { run } from "../run.ts";
import type { Scenario, Side } from "../scenario.ts";
import { tarTreeDigest } from "../tree-digest.ts";

/** The floor under every push: files to a compressed layer and its digest. */
export const scenario: Scenario = {
  name: "layer",
  title: "a folder to a gzip layer and its digests",
  async prepare({ dir, tree: shape, child }) {
    const tree = join(dir, "tree");
    await mkdir(tree);
    const { files, bytes } = await makeTree(tree, shape);

    const ours = (name: string, level: number, wrap: readonly string[] = []): Side => {
      const command = (runDir: string, ...more: string[]) => [
        ...wrap,
        ...[process.execPath, child("layer"), tree, runDir, String(level), ...more],
      ];
      return {
        name,
        command: (runDir) => command(runDir),
        content: async (runDir) => {
          const layer = join(runDir, "layer.tgz");
          const [program = "", ...args] = command(runDir, layer);
          await run(program, args);
          return await tarTreeDigest(layer);
        },
      };
    };
    const pipe = (name: string, compressor: string, wrap: readonly string[] = []): Side => ({
      name,
      command: () => [...wrap, "sh", "-c", 'tar -C "$1" -cf - . | $2 | sha256sum', "sh", tree, compressor],
      content: async (runDir) => {
        const layer = join(runDir, "layer.tgz");
        await run("sh", ["-c", 'tar -C "$1" -cf - . | $2 > "$3"', "sh", tree, compressor, layer]);
        return await tarTreeDigest(layer);
      },
    });

    const pinned = findProgram("taskset") === undefined ? undefined : ["taskset", "-c", "0"];
    return {
      bytes,
      input: `${files} files, ${(bytes / 1e6).toFixed(0)} MB`,
      baseline: pinned === undefined ? "tar | gzip -1" : "tar | gzip -1, one core",
      sides: [
        ours("lading", 1),
        ours("lading, level 2", 2),
        ours("lading, level 6", 6),
        ...(pinned === undefined ? [] : [ours("lading, one core", 1, pinned)]),
        pipe("tar | gzip -1", "gzip -1"),
        ...(pinned === undefined ? [] : [pipe("tar | gzip -1, one core", "gzip -1", pinned)]),
        ...(findProgram("pigz") === undefined
          ? []
          : [pipe("tar | pigz -1", "pigz -1"), pipe("tar | pigz -6", "pigz -6")]),
      ],
    };
  },
};
