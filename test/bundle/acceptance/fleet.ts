import { join } from "node:path";
import { createRegistryClient } from "../../../src/stores/registry/client.ts";
import { type Content, image, index, writeContent } from "../../support/content.ts";
import { bundleFolder, digestIn, resolved, run, type Shell } from "./support.ts";

/** A bundle of twelve images on three levels: two are indexes, some are named twice, one bundle is named by two others. */
export interface Fleet {
  /** The reference of the outermost bundle, with its tag. */
  readonly reference: string;
  /** Digests of all four bundles, the outermost first. */
  readonly bundles: readonly string[];
  /** Digests of the twelve images. */
  readonly images: readonly string[];
}

/** Pushes a fleet to a registry that asks nobody who they are. */
export async function pushFleet(shell: Shell, host: string): Promise<Fleet> {
  const arm = { os: "linux", architecture: "arm64" };
  const contents: Content[] = Array.from({ length: 12 }, (_, i) =>
    i % 6 === 5
      ? index([image({ seed: 10 * i + 1 }), image({ seed: 10 * i + 2, platform: arm })])
      : image({ seed: 10 * i + 1, family: i % 2 === 0 ? "docker" : "oci" }),
  );
  await using client = createRegistryClient();
  const images: string[] = [];
  for (const [i, content] of contents.entries()) {
    const repository = `apps/app-${i}`;
    await writeContent(client.repository({ registry: host, repository }), content, "v1");
    images.push(`${host}/${repository}@${content.root.digest}`);
  }
  const pushed = async (name: string, lock: readonly string[]): Promise<string> => {
    bundleFolder(join(shell.cwd, name), lock, `name: ${name}\n`);
    await run(shell, `push -b ${host}/bundles/${name}:v1 -f ${name}`);
    return await resolved(shell, `${host}/bundles/${name}:v1`);
  };
  const leaf = await pushed("leaf", images.slice(8, 12));
  const left = await pushed("left", [...images.slice(3, 6), leaf]);
  const right = await pushed("right", [leaf, ...images.slice(5, 9)]);
  const fleet = await pushed("fleet", [...images.slice(0, 3), left, right]);
  return {
    reference: `${host}/bundles/fleet:v1`,
    bundles: [fleet, left, right, leaf].map(digestIn),
    images: images.map(digestIn),
  };
}
