import { join } from "node:path";
import { findProgram } from "../test/support/peers.ts";
import { skopeoCopy } from "./archives.ts";
import { imgpkgHere, makeRelease, type Release, releaseText, tagOf } from "./bundles.ts";
import { imagesInRegistry } from "./content.ts";
import { FreshRegistry, type Registry, startRegistry } from "./registries.ts";
import type { Bench, Prepared, Side } from "./scenario.ts";

const skopeoHere = findProgram("skopeo") !== undefined;

/** Which side others are compared with: imgpkg where it is, else the nearest that is there. */
export function bundleBaseline(lading: string, skopeo: string, imgpkg: string): string {
  return imgpkgHere ? imgpkg : skopeoHere ? skopeo : lading;
}

/** A registry with a release in it. */
export async function startReleased(
  bench: Bench,
): Promise<{ readonly source: Registry; readonly release: Release }> {
  const source = await startRegistry(bench, join(bench.dir, "source"));
  return { source, release: await makeRelease(bench, source.host) };
}

/**
 * A line for each image of a release, all of them one after the other: skopeo knows no bundles.
 * @param line for sh: `$1` is the reference by digest, `$2` the tag that copies get
 */
export function skopeoSides(
  name: string,
  side: (name: string, command: (dir: string) => readonly string[]) => Side,
  references: readonly string[],
  line: (dir: string) => string,
): Side[] {
  if (!skopeoHere) return [];
  const pairs = references.flatMap((reference) => [reference, tagOf(reference)]);
  return [
    side(name, (dir) => [
      ...["sh", "-ec", `while [ $# -gt 0 ]; do ${line(dir)}; shift 2; done`, "sh", ...pairs],
    ]),
  ];
}

/** skopeo has no tar for several images. It shares their layers in an OCI layout, which takes no bundles: those lie apart. */
export function skopeoFolders(dir: string): { readonly layout: string; readonly line: string } {
  const layout = join(dir, "layout");
  const line = `case $1 in */apps@*) place="oci:${layout}:$2";; *) place="dir:${dir}/$2";; esac`;
  return { layout, line };
}

/** The sides of a copy of a release into an empty registry, or into another repository of its own. */
export async function prepareBundleCopy(bench: Bench, near: boolean): Promise<Prepared> {
  const { source, release } = await startReleased(bench);
  const fresh = new FreshRegistry(bench);
  const host = () => (near ? source.host : fresh.host);
  let run = 0;
  const repository = () => `copies/of-run-${run}`;
  const to = () => `${host()}/${repository()}`;
  const side = (name: string, command: (dir: string) => readonly string[]): Side => ({
    name,
    before: async (dir) => {
      run++;
      if (!near) await fresh.around.before(dir);
    },
    after: fresh.around.after,
    command,
    content: () => imagesInRegistry(host(), repository(), release.references.map(tagOf)),
  });
  const skopeo = "skopeo copy, 15 times";
  return {
    bytes: release.bytes,
    input: releaseText(release),
    baseline: bundleBaseline("lading copy", skopeo, "imgpkg copy"),
    sides: [
      side("lading copy", () => [
        ...[process.execPath, bench.lading, "copy", "-q", "-b", release.bundle, "--to-repo", to()],
      ]),
      ...(imgpkgHere
        ? [side("imgpkg copy", () => ["imgpkg", "copy", "-b", release.bundle, "--to-repo", to()])]
        : []),
      ...skopeoSides(
        skopeo,
        side,
        release.references,
        () =>
          `${skopeoCopy} --src-tls-verify=false --dest-tls-verify=false "docker://$1" "docker://${to()}:$2"`,
      ),
    ],
    close: () => source.stop(),
  };
}
