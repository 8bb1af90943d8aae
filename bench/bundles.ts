/** Bundles to measure with: folders of files, and a release of images that bundles name. */
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { findProgram } from "../test/support/peers.ts";
import { makeFiles } from "./corpus.ts";
import { pushImages } from "./images.ts";
import { run } from "./run.ts";
import type { Bench } from "./scenario.ts";

/** imgpkg takes part where it is on the `PATH`. */
export const imgpkgHere = findProgram("imgpkg") !== undefined;

/** Makes a folder a bundle that names these images. */
export async function addLock(folder: string, images: readonly string[]): Promise<void> {
  await mkdir(join(folder, ".imgpkg"), { recursive: true });
  const list = images.map((image) => `- image: ${image}\n`).join("");
  await writeFile(
    join(folder, ".imgpkg", "images.yml"),
    `---\napiVersion: imgpkg.carvel.dev/v1alpha1\nimages:${list === "" ? " []" : ""}\n${list}kind: ImagesLock\n`,
  );
}

export interface FilesShape {
  readonly count: number;
  /** Bytes of each. */
  readonly size: number;
}

/** Text such as configuration is made of, 200 MB of it. */
export function textFiles({ quick }: Bench): FilesShape {
  return { count: quick ? 10 : 100, size: 2_000_000 };
}

/** Many files with little in them. */
export function smallFiles({ quick }: Bench): FilesShape {
  return { count: quick ? 500 : 5000, size: 1000 };
}

export function filesText({ count, size }: FilesShape): string {
  return `a bundle of ${count} files, ${((count * size) / 1e6).toFixed(0)} MB of text`;
}

/** A folder of text that is a bundle without images. */
export async function makeBundleFolder(folder: string, { count, size }: FilesShape): Promise<void> {
  await makeFiles(folder, count, size);
  await addLock(folder, []);
}

const mb = 1_000_000;

/** What a release is: the reference of its bundle, and everything that a copy of it takes along. */
export interface Release {
  readonly bundle: string;
  /** Of all images and bundles in it, by digest. */
  readonly references: readonly string[];
  /** Of all layers. */
  readonly bytes: number;
}

export function releaseText(release: Release): string {
  return `a bundle of 2 bundles of 6 images each, 4 layers per image, 2 of them shared by all, ${(
    release.bytes / 1e6
  ).toFixed(0)} MB`;
}

/** The tag that copies give an image. */
export function tagOf(reference: string): string {
  return `${reference.slice(reference.indexOf("@") + 1).replace(":", "-")}.imgpkg`;
}

/** Pushes 12 images, two bundles that name half of them each, and a bundle that names those. */
export async function makeRelease(bench: Bench, host: string): Promise<Release> {
  const size = bench.quick ? mb / 10 : mb;
  const tags = Array.from({ length: 12 }, (_, i) => `v${i}`);
  const apps = `${host}/bench/apps`;
  const bytes = await pushImages(
    bench.lading,
    bench.dir,
    apps,
    tags.map((tag) => ({
      tag,
      layers: [
        { name: "base", size: 24 * size },
        { name: "runtime", size: 12 * size },
        { name: `packages-${tag}`, size: 6 * size },
        { name: `app-${tag}`, size: size / 2 },
      ],
    })),
  );
  const images: string[] = [];
  for (const tag of tags) images.push(await resolve(bench, `${apps}:${tag}`));
  const halves: string[] = [];
  for (const [name, named] of [
    ["left", images.slice(0, 6)],
    ["right", images.slice(6)],
  ] as const) {
    halves.push(await pushBundle(bench, `${host}/bench/${name}`, named));
  }
  const whole = await pushBundle(bench, `${host}/bench/whole`, halves);
  return { bundle: whole, references: [...images, ...halves, whole], bytes };
}

async function pushBundle(bench: Bench, repository: string, images: readonly string[]): Promise<string> {
  const folder = join(bench.dir, repository.replaceAll(/\W/g, "-"));
  await addLock(folder, images);
  await writeFile(join(folder, "config.yml"), `bundle: ${repository.slice(repository.indexOf("/"))}\n`);
  await run(process.execPath, [bench.lading, "push", "-q", "-b", `${repository}:v1`, "-f", folder]);
  return await resolve(bench, `${repository}:v1`);
}

async function resolve(bench: Bench, reference: string): Promise<string> {
  const { stdout } = await run(process.execPath, [bench.lading, "tag", "resolve", "-q", "-i", reference]);
  return stdout.trim();
}
