import { mkdir, readFile, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { streamOf } from "../../src/bytes/stream.ts";
import { readTar } from "../../src/formats/tar/read.ts";

const fixtures = join(process.env["LADING_ROOT"] ?? process.cwd(), "test/fixtures/imgpkg/observed");

/** What imgpkg pushed for its own sample bundle. */
export const sampleBundle = {
  manifest: "sha256:5c2dafe3c70c13990190d643c91e9f67b8129b179257674888178868474f6511",
  config: "sha256:4da097607a3cb58407cd8c157271bb5f7462a5872d516a5bc979ec678ac30f7d",
  layer: "sha256:45e16698e6e721de091b5ecbb811eae1243fb8f2ed5dbd04a9f40cd199c355f9",
  diffId: "sha256:1ec3bb9f122f30fdf6d13cc38870dc0a03236bbdaa5b698fc25b7ead9dae8d3e",
} as const;

/** Bytes that imgpkg was seen to write. */
export function observed(name: string): Promise<Buffer> {
  return readFile(join(fixtures, name));
}

/** Makes the folder that the sample bundle was pushed from, at this path. */
export async function writeSampleBundle(folder: string): Promise<string> {
  for await (const item of readTar(streamOf(await observed("bundle-layer.tar")))) {
    if (item.type !== "file") continue;
    const path = join(folder, item.name);
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, item.bytes ?? "");
  }
  return folder;
}
