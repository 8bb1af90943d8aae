import type { TestContext } from "node:test";
import type { BundleDiskInput } from "../../../src/bundle/push/input.ts";
import type { PackedImage, PackOptions, packImage } from "../../../src/bundle/push/pack.ts";
import { tempDir } from "../../support/tmp.ts";

/** Packs for one test. */
export async function packed(
  t: TestContext,
  pack: typeof packImage,
  files: readonly (string | BundleDiskInput)[],
  options: Partial<PackOptions> = {},
): Promise<PackedImage> {
  const inputs = files.map((file) => (typeof file === "string" ? { path: file } : file));
  const made = await pack(inputs, { tempDir: await tempDir(t), ...options });
  t.after(() => made[Symbol.asyncDispose]());
  return made;
}

/** The digest of the manifest. */
export async function digestOf(...args: Parameters<typeof packed>): Promise<string> {
  return (await packed(...args)).image.root.digest;
}

/** Paths in the layer, folders with a `/` at the end. */
export async function pathsOf(...args: Parameters<typeof packed>): Promise<string[]> {
  const { entries } = await packed(...args);
  return entries.map(({ name, type }) => (type === "directory" ? `${name}/` : name));
}
