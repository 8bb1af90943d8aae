import { join } from "node:path";
import { skopeoCopy } from "../archives.ts";
import { bundleBaseline, skopeoFolders, skopeoSides, startReleased } from "../bundle-copies.ts";
import { imgpkgHere, releaseText, tagOf } from "../bundles.ts";
import { imagesInRegistry } from "../content.ts";
import { FreshRegistry } from "../registries.ts";
import { run } from "../run.ts";
import type { Scenario, Side } from "../scenario.ts";

const skopeo = "skopeo copy from folders, 15 times";

export const scenario: Scenario = {
  name: "bundle-from-tar",
  title: "a bundle with all that it names from a tar to a registry",
  registries: true,
  async prepare(bench) {
    const { source, release } = await startReleased(bench);
    const tar = join(bench.dir, "release.tar");
    const { line } = skopeoFolders(bench.dir);
    await run(process.execPath, [bench.lading, "copy", "-q", "-b", release.bundle, "--to-tar", tar]);
    const fill = skopeoSides(
      skopeo,
      (name, command) => ({ name, command, content: async () => "" }),
      release.references,
      () => `${line}; ${skopeoCopy} --src-tls-verify=false "docker://$1" "$place"`,
    );
    for (const { command } of fill) {
      const [program = "", ...words] = command(bench.dir);
      await run(program, words);
    }
    await source.stop();
    const registry = new FreshRegistry(bench);
    const to = () => `${registry.host}/bench/release`;
    const side = (name: string, command: (dir: string) => readonly string[]): Side => ({
      name,
      ...registry.around,
      command,
      content: () => imagesInRegistry(registry.host, "bench/release", release.references.map(tagOf)),
    });
    const words = () => ["copy", "--tar", tar, "--to-repo", to()];
    return {
      bytes: release.bytes,
      input: releaseText(release),
      baseline: bundleBaseline("lading copy --tar", skopeo, "imgpkg copy --tar"),
      sides: [
        side("lading copy --tar", () => [process.execPath, bench.lading, "-q", ...words()]),
        ...(imgpkgHere ? [side("imgpkg copy --tar", () => ["imgpkg", ...words()])] : []),
        ...skopeoSides(
          skopeo,
          side,
          release.references,
          () => `${line}; ${skopeoCopy} --dest-tls-verify=false "$place" "docker://${to()}:$2"`,
        ),
      ],
    };
  },
};
