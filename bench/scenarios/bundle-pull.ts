import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { filesText, imgpkgHere, makeBundleFolder, textFiles } from "../bundles.ts";
import { saveLayer } from "../content.ts";
import { startRegistry } from "../registries.ts";
import { run } from "../run.ts";
import type { Scenario, Side } from "../scenario.ts";
import { folderTreeDigest } from "../tree-digest.ts";

/** A bundle in a registry to a folder; beside it what it costs only to unpack the layer from a local file. */
export const scenario: Scenario = {
  name: "bundle-pull",
  title: "a bundle in a registry to a folder",
  registries: true,
  async prepare(bench) {
    const shape = textFiles(bench);
    const folder = join(bench.dir, "files");
    await mkdir(folder);
    await makeBundleFolder(folder, shape);
    const registry = await startRegistry(bench, join(bench.dir, "registry"));
    const bundle = `${registry.host}/bench/bundle:v1`;
    await run(process.execPath, [bench.lading, "push", "-q", "-b", bundle, "-f", folder]);
    const layer = join(bench.dir, "layer.tgz");
    await saveLayer(registry.host, "bench/bundle", "v1", layer);
    const out = (dir: string) => join(dir, "out");
    const side = (name: string, command: (dir: string) => readonly string[]): Side => ({
      name,
      command,
      // The lock is rewritten: what is compared is the rest.
      content: (dir) => folderTreeDigest(join(out(dir), "text")),
    });
    const words = (dir: string) => ["pull", "-b", bundle, "-o", out(dir)];
    const limit = "tar -xz from a file";
    return {
      bytes: shape.count * shape.size,
      input: filesText(shape),
      baseline: imgpkgHere ? "imgpkg pull" : limit,
      sides: [
        side("lading pull", (dir) => [process.execPath, bench.lading, "-q", ...words(dir)]),
        ...(imgpkgHere ? [side("imgpkg pull", (dir) => ["imgpkg", ...words(dir)])] : []),
        side(limit, (dir) => [...["sh", "-ec", 'mkdir "$1"; tar -xzf "$2" -C "$1"', "sh", out(dir), layer]]),
      ],
      close: () => registry.stop(),
    };
  },
};
