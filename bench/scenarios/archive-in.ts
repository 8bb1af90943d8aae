import { join } from "node:path";
import { findProgram } from "../../test/support/peers.ts";
import { archivedImage, inputText, skopeoCopy } from "../archives.ts";
import { imagesInRegistry } from "../content.ts";
import { makeImages } from "../images.ts";
import { FreshRegistry } from "../registries.ts";
import { run } from "../run.ts";
import type { Scenario, Side } from "../scenario.ts";

export const scenario: Scenario = {
  name: "archive-in",
  title: "an image in an oci-archive to a registry",
  registries: true,
  async prepare(bench) {
    const layout = join(bench.dir, "layout");
    const bytes = await makeImages(layout, [archivedImage(bench)]);
    const archive = join(bench.dir, "image.tar");
    await run(process.execPath, [bench.lading, "copy", "-q", "-i", `oci:${layout}:v1`, "--to-tar", archive]);
    const registry = new FreshRegistry(bench);
    const side = (name: string, command: () => readonly string[]): Side => ({
      name,
      ...registry.around,
      command,
      content: () => imagesInRegistry(registry.host, "bench/image", ["v1"]),
    });
    const to = () => `${registry.host}/bench/image`;
    const here = findProgram("skopeo") !== undefined;
    return {
      bytes,
      input: inputText(bench),
      baseline: here ? "skopeo" : "lading",
      sides: [
        side("lading", () => [
          ...[process.execPath, bench.lading, "copy", "-q", "--tar", archive, "--to-repo", to()],
        ]),
        ...(here
          ? [
              side("skopeo", () => [
                ...skopeoCopy.split(" "),
                ...["--dest-tls-verify=false", `oci-archive:${archive}:v1`, `docker://${to()}:v1`],
              ]),
            ]
          : []),
      ],
    };
  },
};
