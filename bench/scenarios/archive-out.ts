import { join } from "node:path";
import { findProgram } from "../../test/support/peers.ts";
import { archivedImage, inputText, skopeoCopy } from "../archives.ts";
import { blobsInArchive } from "../content.ts";
import { pushImages } from "../images.ts";
import { startRegistry } from "../registries.ts";
import type { Scenario } from "../scenario.ts";

export const scenario: Scenario = {
  name: "archive-out",
  title: "an image in a registry to an oci-archive",
  registries: true,
  async prepare(bench) {
    const registry = await startRegistry(bench, join(bench.dir, "registry"));
    const image = `${registry.host}/bench/image`;
    const bytes = await pushImages(bench.lading, bench.dir, image, [archivedImage(bench)]);
    const archive = (dir: string) => join(dir, "image.tar");
    const content = (dir: string) => blobsInArchive(archive(dir));
    const here = findProgram("skopeo") !== undefined;
    return {
      bytes,
      input: inputText(bench),
      baseline: here ? "skopeo" : "lading",
      sides: [
        {
          name: "lading",
          command: (dir) => [
            ...[process.execPath, bench.lading, "copy", "-q", "-i", `${image}:v1`, "--to-tar", archive(dir)],
          ],
          content,
        },
        ...(here
          ? [
              {
                name: "skopeo",
                command: (dir: string) => [
                  ...skopeoCopy.split(" "),
                  ...["--src-tls-verify=false", `docker://${image}:v1`, `oci-archive:${archive(dir)}:v1`],
                ],
                content,
              },
            ]
          : []),
      ],
      close: () => registry.stop(),
    };
  },
};
