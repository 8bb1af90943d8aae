import { gzipSync } from "node:zlib";
import { bodyOf } from "../../src/bytes/body.ts";
import { digestOf } from "../../src/bytes/hash.ts";
import { encodeHeader, padding, tarEnd } from "../../src/formats/tar/encode.ts";
import type { TarEntry } from "../../src/formats/tar/entry.ts";
import { type BuildImageOptions, buildImage, type ImageLayer } from "../../src/image/document.ts";
import type { Descriptor } from "../../src/spec/descriptor.ts";
import { type ImageManifest, parseManifest } from "../../src/spec/manifest.ts";
import { mediaTypes } from "../../src/spec/media-type.ts";
import type { Sink } from "../../src/stores/store.ts";

/** An entry with only what matters to a test; a `file` gets its size from its text. */
export type TestEntry = Partial<TarEntry> & { readonly name: string; readonly text?: string | Uint8Array };

/** A tar of these entries, in this order. Names that end in `/` are directories, entries with `text` files. */
export function tarOf(...entries: readonly TestEntry[]): Buffer {
  const parts: Uint8Array[] = [];
  for (const { text, ...entry } of entries) {
    const content = text === undefined ? Buffer.alloc(0) : Buffer.from(text);
    const type = entry.type ?? (entry.name.endsWith("/") ? "directory" : "file");
    const mode = type === "directory" ? 0o755 : 0o644;
    parts.push(
      encodeHeader({ mode, uid: 0, gid: 0, mtime: 1_700_000_000, size: content.length, ...entry, type }),
      content,
      padding(content.length),
    );
  }
  return Buffer.concat([...parts, tarEnd]);
}

export function file(name: string, text: string | Uint8Array = name): TestEntry {
  return { name, text };
}

export function symlink(name: string, linkName: string): TestEntry {
  return { name, type: "symlink", linkName };
}

export function hardlink(name: string, linkName: string): TestEntry {
  return { name, type: "hardlink", linkName };
}

/** Writes a blob and gives its descriptor. */
export async function putBlob(sink: Sink, bytes: Uint8Array, mediaType: string): Promise<Descriptor> {
  const descriptor = { mediaType, digest: digestOf(bytes), size: bytes.byteLength };
  await sink.write({ kind: "blob", descriptor }, bodyOf(bytes));
  return descriptor;
}

/** Writes a layer with this tar, gzip'd unless told otherwise. */
export async function putLayer(
  sink: Sink,
  tar: Uint8Array,
  compression: "gzip" | "none" = "gzip",
): Promise<ImageLayer> {
  const bytes = compression === "gzip" ? gzipSync(tar, { level: 1 }) : tar;
  const mediaType = compression === "gzip" ? mediaTypes.ociLayerGzip : mediaTypes.ociLayer;
  return { descriptor: await putBlob(sink, bytes, mediaType), diffId: digestOf(tar) };
}

export interface TestImage {
  readonly descriptor: Descriptor;
  readonly manifest: ImageManifest;
  readonly layers: readonly ImageLayer[];
}

/** Writes an image with these tars as layers, lowest first, and names it. */
export async function putImage(
  sink: Sink,
  tars: readonly Uint8Array[],
  options: Partial<BuildImageOptions> & {
    readonly tag?: string;
    readonly compression?: "gzip" | "none";
  } = {},
): Promise<TestImage> {
  const { tag, compression, ...rest } = options;
  const layers: ImageLayer[] = [];
  for (const tar of tars) layers.push(await putLayer(sink, tar, compression));
  const { config, manifest } = buildImage({
    layers,
    platform: { os: "linux", architecture: "amd64" },
    ...rest,
  });
  await putBlob(sink, config.bytes, config.descriptor.mediaType);
  await sink.write({ kind: "manifest", descriptor: manifest.descriptor }, bodyOf(manifest.bytes));
  if (tag !== undefined) await sink.tag(manifest.descriptor, tag);
  const parsed = parseManifest(manifest.bytes, manifest.descriptor.mediaType);
  if (parsed.kind !== "image") throw new Error("not an image");
  return { descriptor: manifest.descriptor, manifest: parsed, layers };
}
