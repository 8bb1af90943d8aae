import { join } from "node:path";
import { skopeoCopy } from "../archives.ts";
import { bundleBaseline, skopeoFolders, skopeoSides, startReleased } from "../bundle-copies.ts";
import { imgpkgHere, releaseText, tagOf } from "../bundles.ts";
import { layersInFolders, layersInTar } from "../content.ts";
import type { Scenario, Side } from "../scenario.ts";

const skopeo = "skopeo copy to folders, 15 times";

export const scenario: Scenario = {
  name: "bundle-to-tar",
  title: "a bundle with all that it names to a tar",
  registries: true,
  async prepare(bench) {
    const { source, release } = await startReleased(bench);
    const tar = (dir: string) => join(dir, "release.tar");
    const side = (name: string, command: (dir: string) => readonly string[]): Side => ({
      name,
      command,
      content: (dir) => layersInTar(tar(dir)),
    });
    const words = (dir: string) => ["copy", "-b", release.bundle, "--to-tar", tar(dir)];
    return {
      bytes: release.bytes,
      input: releaseText(release),
      baseline: bundleBaseline("lading copy --to-tar", skopeo, "imgpkg copy --to-tar"),
      sides: [
        side("lading copy --to-tar", (dir) => [process.execPath, bench.lading, "-q", ...words(dir)]),
        ...(imgpkgHere ? [side("imgpkg copy --to-tar", (dir) => ["imgpkg", ...words(dir)])] : []),
        ...skopeoSides(
          skopeo,
          (name, command) => ({
            name,
            command,
            content: (dir) =>
              layersInFolders([
                join(skopeoFolders(dir).layout, "blobs", "sha256"),
                ...release.references.slice(12).map((bundle) => join(dir, tagOf(bundle))),
              ]),
          }),
          release.references,
          (dir) => `${skopeoFolders(dir).line}; ${skopeoCopy} --src-tls-verify=false "docker://$1" "$place"`,
        ),
      ],
      close: () => source.stop(),
    };
  },
};
