import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { type FilesShape, filesText, imgpkgHere, makeBundleFolder } from "./bundles.ts";
import { saveLayer } from "./content.ts";
import { FreshRegistry } from "./registries.ts";
import { run } from "./run.ts";
import type { Bench, Prepared, Side } from "./scenario.ts";
import { tarTreeDigest } from "./tree-digest.ts";

/**
 * The sides of a push of a bundle. Beside imgpkg, or in its absence beside what it does at least: it compresses a layer
 * once for its digest and once to send it.
 * @param again the registry has it already, from the same program
 */
export async function prepareBundlePush(bench: Bench, shape: FilesShape, again = false): Promise<Prepared> {
  const folder = join(bench.dir, "files");
  await mkdir(folder);
  await makeBundleFolder(folder, shape);
  const registry = new FreshRegistry(bench);
  const bundle = () => `${registry.host}/bench/bundle:v1`;
  const push = (name: string, command: () => readonly string[]): Side => ({
    name,
    before: async (dir) => {
      await registry.around.before(dir);
      if (!again) return;
      const [program = "", ...words] = command();
      await run(program, words);
    },
    after: registry.around.after,
    command,
    content: async (dir) => {
      const layer = join(dir, "layer.tgz");
      await saveLayer(registry.host, "bench/bundle", "v1", layer);
      return await tarTreeDigest(layer);
    },
  });
  const lading = (name: string, ...words: readonly string[]) =>
    push(name, () => [process.execPath, bench.lading, "push", "-q", "-b", bundle(), "-f", folder, ...words]);
  const limit = "tar | gzip -1 | sha256sum, twice";
  return {
    bytes: shape.count * shape.size,
    input: filesText(shape),
    baseline: imgpkgHere ? "imgpkg push" : limit,
    sides: [
      lading("lading push"),
      lading("lading push --compression parallel", "--compression", "parallel"),
      ...(imgpkgHere ? [push("imgpkg push", () => ["imgpkg", "push", "-b", bundle(), "-f", folder])] : []),
      {
        name: limit,
        command: () => [
          ...["sh", "-ec", 'for i in 1 2; do tar -C "$1" -cf - . | gzip -1 | sha256sum; done', "sh", folder],
        ],
        content: async (dir) => {
          const layer = join(dir, "layer.tgz");
          await run("sh", ["-c", 'tar -C "$1" -cf - . | gzip -1 > "$2"', "sh", folder, layer]);
          return await tarTreeDigest(layer);
        },
      },
    ],
  };
}
