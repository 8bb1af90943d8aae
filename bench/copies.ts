import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { findProgram } from "../test/support/peers.ts";
import { imagesInRegistry } from "./content.ts";
import { type ImageShape, pushImages } from "./images.ts";
import { FreshRegistry, startRegistry } from "./registries.ts";
import type { Bench, Prepared, Side } from "./scenario.ts";

const skopeo = "skopeo --insecure-policy";
const skopeoOptions = "--all --preserve-digests --dest-tls-verify=false";

/** The sides of a copy of images from one registry into another, empty one. */
export async function prepareCopies(
  bench: Bench,
  images: readonly ImageShape[],
  input: string,
): Promise<Prepared> {
  const source = await startRegistry(bench, join(bench.dir, "source"));
  const from = `${source.host}/bench/images`;
  const bytes = await pushImages(bench.lading, bench.dir, from, images);
  const tags = images.map(({ tag }) => tag);
  const target = new FreshRegistry(bench);
  const to = () => `${target.host}/bench/images`;

  const side = (name: string, command: (dir: string) => readonly string[]): Side => ({
    name,
    ...target.around,
    command,
    content: () => imagesInRegistry(target.host, "bench/images", tags),
  });
  /** Once for each tag, one after the other. */
  const each = (name: string, line: string): Side =>
    side(name, () => [
      ...["sh", "-ec", `from=$1; to=$2; shift 2; for tag; do ${line}; done`, "sh", from, to(), ...tags],
    ]);

  const sources = tags.map((tag) => `${from}:${tag}`);
  const several = tags.length > 1;
  return {
    bytes,
    input: `${input}, ${(bytes / 1e6).toFixed(0)} MB`,
    baseline: findProgram("skopeo") === undefined ? "lading" : "skopeo copy",
    sides: [
      side("lading", () => [
        ...[process.execPath, bench.lading, "image", "copy", "-q", ...sources],
        several ? to() : `${to()}:${tags[0]}`,
      ]),
      ...(several
        ? [
            each(
              "lading, one by one",
              `"${process.execPath}" "${bench.lading}" image copy -q "$from:$tag" "$to:$tag"`,
            ),
          ]
        : []),
      ...(findProgram("skopeo") === undefined
        ? []
        : [
            each(
              "skopeo copy",
              `${skopeo} copy -q ${skopeoOptions} --src-tls-verify=false "docker://$from:$tag" "docker://$to:$tag"`,
            ),
          ]),
      ...(several && findProgram("skopeo") !== undefined
        ? [
            side("skopeo sync", (dir) => {
              const list = join(dir, "images.yml");
              // YAML reads JSON.
              writeFileSync(
                list,
                JSON.stringify({ [source.host]: { "tls-verify": false, images: { "bench/images": tags } } }),
              );
              const words = `${skopeoOptions} --src yaml --dest docker "$1" "$2"`;
              return ["sh", "-ec", `${skopeo} sync ${words}`, "sh", list, `${target.host}/bench`];
            }),
          ]
        : []),
      ...(findProgram("crane") === undefined
        ? []
        : [each("crane copy", 'crane copy "$from:$tag" "$to:$tag"')]),
      ...(findProgram("imgpkg") === undefined
        ? []
        : [each("imgpkg copy", 'imgpkg copy -i "$from:$tag" --to-repo "$to"')]),
    ],
    close: () => source.stop(),
  };
}
