import { mkdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { bodyOf } from "../src/bytes/body.ts";
import { buildImage } from "../src/image/document.ts";
import { createLayer, type Layer } from "../src/image/layer/create.ts";
import { openLayout } from "../src/stores/layout/open.ts";
import { noise } from "./corpus.ts";
import { run } from "./run.ts";

/** An image to make: its tag, and the names of its layers. */
export interface ImageShape {
  readonly tag: string;
  readonly layers: readonly LayerShape[];
}

export interface LayerShape {
  /** Layers of one name are the same layer. */
  readonly name: string;
  /** Bytes of the files in it, about as many as of the layer: they do not compress. */
  readonly size: number;
}

/**
 * Makes images in an OCI layout: real gzip'd layers of files that are the same each time, everywhere.
 * @returns bytes of all distinct layers
 */
export async function makeImages(layout: string, images: readonly ImageShape[]): Promise<number> {
  await mkdir(layout, { recursive: true });
  await using store = await openLayout(layout, { create: true });
  const pool = noise();
  const layers = new Map<string, Layer>();
  let bytes = 0;
  try {
    for (const { tag, layers: shapes } of images) {
      for (const shape of shapes) {
        if (layers.has(shape.name)) continue;
        const layer = await makeLayer(shape, pool, layout);
        layers.set(shape.name, layer);
        bytes += layer.descriptor.size;
        await store.write({ kind: "blob", descriptor: layer.descriptor }, layer.body);
      }
      const own = shapes.map(({ name }) => layers.get(name)).filter((layer) => layer !== undefined);
      const documents = buildImage({ layers: own, platform: { os: "linux", architecture: "amd64" } });
      const { config, manifest } = documents;
      await store.write({ kind: "blob", descriptor: config.descriptor }, bodyOf(config.bytes));
      await store.write({ kind: "manifest", descriptor: manifest.descriptor }, bodyOf(manifest.bytes));
      await store.tag(manifest.descriptor, tag);
    }
    await store.commit();
  } finally {
    for (const layer of layers.values()) await layer[Symbol.asyncDispose]();
  }
  return bytes;
}

async function makeLayer({ name, size }: LayerShape, pool: Buffer, tempDir: string): Promise<Layer> {
  const entries = [];
  for (let at = 0; at < size; at += pool.length) {
    entries.push({
      name: `${name}/part-${at / pool.length}`,
      bytes: pool.subarray(0, Math.min(pool.length, size - at)),
    });
  }
  return await createLayer([{ entries }], { tempDir });
}

/** Makes images and brings them into a repository. @returns bytes of all distinct layers */
export async function pushImages(
  lading: string,
  dir: string,
  repository: string,
  images: readonly ImageShape[],
): Promise<number> {
  const layout = join(dir, "images");
  const bytes = await makeImages(layout, images);
  const sources = images.map(({ tag }) => `oci:${layout}:${tag}`);
  // A lone image is given its tag: with several, each keeps its own.
  const to = images.length === 1 ? `${repository}:${images[0]?.tag}` : repository;
  await run(process.execPath, [lading, "-q", "image", "copy", ...sources, to]);
  await rm(layout, { recursive: true });
  return bytes;
}
