import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { mkdir, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { findProgram } from "../../test/support/peers.ts";
import { makeTree } from "../corpus.ts";
import { run } from "../run.ts";
import type { Scenario, Side } from "../scenario.ts";

/** Only the compression, from file to file: that with imgpkg's bytes, the parallel one, and others' fastest. */
export const scenario: Scenario = {
  name: "encoder",
  title: "a tar to gzip, fastest level",
  async prepare({ dir, tree: shape, child }) {
    const tree = join(dir, "tree");
    const tar = join(dir, "tree.tar");
    await mkdir(tree);
    await makeTree(tree, shape);
    await run("tar", ["-C", tree, "-cf", tar, "."]);
    await rm(tree, { recursive: true });
    const { size } = await stat(tar);

    const side = (name: string, command: (output: string) => readonly string[]): Side => ({
      name,
      command: (runDir) => command(join(runDir, "tree.tar.gz")),
      content: (runDir) => unpackedDigest(join(runDir, "tree.tar.gz")),
      written: async (runDir) => (await stat(join(runDir, "tree.tar.gz"))).size,
    });
    const ours = (name: string, how: string, wrap: readonly string[] = []) =>
      side(name, (output) => [...wrap, process.execPath, child("encoder"), how, tar, output]);
    const theirs = (program: string, ...args: readonly string[]) =>
      side([program, ...args].join(" "), (output) => [
        ...["sh", "-c", 'input=$1 output=$2; shift 2; "$@" < "$input" > "$output"', "sh", tar, output],
        ...[program, ...args],
      ]);

    const pinned = findProgram("taskset") === undefined ? undefined : ["taskset", "-c", "0"];
    return {
      bytes: size,
      input: `a tar of ${(size / 1e6).toFixed(0)} MB`,
      baseline: "gzip -1",
      sides: [
        ours("lading, imgpkg's bytes", "best-speed"),
        ...(pinned === undefined ? [] : [ours("lading, imgpkg's bytes, one core", "best-speed", pinned)]),
        ours("lading, parallel", "parallel"),
        ...(pinned === undefined ? [] : [ours("lading, parallel, one core", "parallel", pinned)]),
        theirs("gzip", "-1"),
        ...(findProgram("pigz") === undefined ? [] : [theirs("pigz", "-1"), theirs("pigz", "-1", "-p1")]),
      ],
    };
  },
};

/** With gzip's own program: it is to read what all sides have made. */
async function unpackedDigest(path: string): Promise<string> {
  const unpacked = `${path}.tar`;
  await run("sh", ["-c", 'gzip -dc < "$1" > "$2"', "sh", path, unpacked]);
  const hash = createHash("sha256");
  for await (const chunk of createReadStream(unpacked, { highWaterMark: 1024 * 1024 })) hash.update(chunk);
  return hash.digest("hex").slice(0, 12);
}
