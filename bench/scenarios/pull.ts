import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { findProgram } from "../../test/support/peers.ts";
import { saveLayer } from "../content.ts";
import { makeTree } from "../corpus.ts";
import { startRegistry } from "../registries.ts";
import { run } from "../run.ts";
import type { Scenario, Side } from "../scenario.ts";
import { folderTreeDigest } from "../tree-digest.ts";

/** An image in a registry to a folder; beside it what it costs only to unpack the layer from a local file. */
export const scenario: Scenario = {
  name: "pull",
  title: "an image in a registry to a folder",
  registries: true,
  async prepare(bench) {
    const tree = join(bench.dir, "tree");
    await mkdir(tree);
    const { files, bytes } = await makeTree(tree, bench.tree);
    const registry = await startRegistry(bench, join(bench.dir, "registry"));
    const image = `${registry.host}/bench/tree:v1`;
    await run(process.execPath, [bench.lading, "push", "-q", "-i", image, "-f", tree]);
    const layer = join(bench.dir, "layer.tgz");
    await saveLayer(registry.host, "bench/tree", "v1", layer);

    const script = (name: string, text: string, ...args: readonly string[]): Side => ({
      name,
      before: (dir) => mkdir(join(dir, "out")).then(() => {}),
      command: (dir) => ["sh", "-ec", text, "sh", join(dir, "out"), ...args],
      content: (dir) => folderTreeDigest(join(dir, "out")),
    });
    const rootless = process.getuid?.() === 0 ? "" : "--rootless";
    const skopeo = "skopeo --insecure-policy copy -q --preserve-digests --src-tls-verify=false";
    const peers = findProgram("skopeo") !== undefined && findProgram("umoci") !== undefined;
    const limit = "tar -xz from a file";
    return {
      bytes,
      input: `${files} files, ${(bytes / 1e6).toFixed(0)} MB`,
      baseline: limit,
      sides: [
        {
          name: "lading pull",
          command: (dir) => [
            process.execPath,
            bench.lading,
            "pull",
            "-q",
            "-i",
            image,
            "-o",
            join(dir, "out"),
          ],
          content: (dir) => folderTreeDigest(join(dir, "out")),
        },
        ...(peers
          ? [
              {
                ...script(
                  "skopeo copy, umoci unpack",
                  `${skopeo} "docker://$2" "oci:$1/layout:v1"; umoci unpack ${rootless} --image "$1/layout:v1" "$1/bundle"`,
                  image,
                ),
                content: (dir: string) => folderTreeDigest(join(dir, "out", "bundle", "rootfs")),
              },
            ]
          : []),
        ...(findProgram("imgpkg") === undefined
          ? []
          : [script("imgpkg pull", 'imgpkg pull -i "$2" -o "$1"', image)]),
        ...(findProgram("crane") === undefined
          ? []
          : [script("crane export | tar -x", 'crane export "$2" - | tar -xf - -C "$1"', image)]),
        script(limit, 'tar -xzf "$2" -C "$1"', layer),
      ],
      close: () => registry.stop(),
    };
  },
};
