import { gzipSync } from "node:zlib";
import { bodyOf } from "../../src/bytes/body.ts";
import { digestOf } from "../../src/bytes/hash.ts";
import { encodeHeader, padding, tarEnd } from "../../src/formats/tar/encode.ts";
import { type Descriptor, descriptorToJson } from "../../src/spec/descriptor.ts";
import type { Algorithm } from "../../src/spec/digest.ts";
import type { Node } from "../../src/spec/graph.ts";
import { mediaTypes } from "../../src/spec/media-type.ts";
import type { Platform } from "../../src/spec/platform.ts";
import type { Sink } from "../../src/stores/store.ts";
import { sampleBytes } from "./sample-bytes.ts";

/** A node with its bytes. */
export interface ContentNode extends Node {
  readonly bytes: Buffer;
}

/** A graph of content: the root's descriptor and all nodes, children before their parents, each once. */
export interface Content {
  readonly root: Descriptor;
  readonly nodes: readonly ContentNode[];
  /** Blobs that the graph names and that are nowhere: layers that stay at their `urls`. */
  readonly absent?: readonly Descriptor[];
}

type Family = "oci" | "docker";

export interface ImageOptions {
  /** Other seeds give other bytes. Default 1. */
  readonly seed?: number;
  readonly family?: Family;
  readonly algorithm?: Algorithm;
  /** Default 2. */
  readonly layers?: number;
  /** Bytes of the one file in each layer. Default 3000. */
  readonly layerBytes?: number;
  readonly compression?: "none" | "gzip";
  readonly platform?: Platform;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly subject?: Descriptor;
  /** Layers of other images to share, below this image's own. */
  readonly base?: readonly ContentNode[];
  /** One more layer that is described with `urls` and not part of the content. */
  readonly foreign?: boolean;
}

export function node(
  kind: Node["kind"],
  mediaType: string,
  bytes: Buffer,
  algorithm: Algorithm = "sha256",
): ContentNode {
  const descriptor: Descriptor = { mediaType, digest: digestOf(bytes, algorithm), size: bytes.byteLength };
  return { kind, descriptor, bytes };
}

/** A node of kind blob with bytes that differ by seed. */
export function blob(size: number, seed = 1, algorithm: Algorithm = "sha256"): ContentNode {
  return node("blob", mediaTypes.octetStream, sampleBytes(size, seed), algorithm);
}

function manifest(mediaType: string, document: object, algorithm: Algorithm): ContentNode {
  return node("manifest", mediaType, Buffer.from(JSON.stringify(document)), algorithm);
}

/** A tar with one folder and one file in it. */
export function smallTar(name: string, content: Buffer): Buffer {
  const common = { uid: 0, gid: 0, mtime: 0 };
  return Buffer.concat([
    encodeHeader({ ...common, name: "srv", type: "directory", mode: 0o755, size: 0 }),
    encodeHeader({ ...common, name: `srv/${name}`, type: "file", mode: 0o644, size: content.byteLength }),
    content,
    padding(content.byteLength),
    tarEnd,
  ]);
}

/** An image with real layers: any tool can unpack it. */
export function image(options: ImageOptions = {}): Content {
  const { seed = 1, family = "oci", algorithm = "sha256", compression = "gzip" } = options;
  const platform = options.platform ?? { os: "linux", architecture: "amd64" };
  const base = options.base ?? [];
  const tars = Array.from({ length: options.layers ?? 2 }, (_, i) =>
    smallTar(`file-${seed}-${i}`, sampleBytes(options.layerBytes ?? 3000, seed * 1000 + i)),
  );
  const plain = family === "oci" ? mediaTypes.ociLayer : mediaTypes.dockerLayer;
  const zipped = family === "oci" ? mediaTypes.ociLayerGzip : mediaTypes.dockerLayerGzip;
  const layers = tars.map((tar) =>
    compression === "gzip"
      ? node("blob", zipped, gzipSync(tar), algorithm)
      : node("blob", plain, tar, algorithm),
  );
  const foreignTar = smallTar(`foreign-${seed}`, sampleBytes(100, seed));
  const foreign: Descriptor[] = options.foreign
    ? [
        {
          ...node(
            "blob",
            family === "oci" ? mediaTypes.ociForeignLayerGzip : mediaTypes.dockerForeignLayerGzip,
            gzipSync(foreignTar),
            algorithm,
          ).descriptor,
          urls: ["https://layers.example/foreign.tar.gz"],
        },
      ]
    : [];
  const shared = base.filter(({ descriptor }) => /layer|rootfs/.test(descriptor.mediaType));
  const config = node(
    "blob",
    family === "oci" ? mediaTypes.ociConfig : mediaTypes.dockerConfig,
    Buffer.from(
      JSON.stringify({
        created: "1970-01-01T00:00:00Z",
        architecture: platform.architecture,
        os: platform.os,
        ...(platform.variant === undefined ? {} : { variant: platform.variant }),
        config: { Env: ["PATH=/bin", `SEED=${seed}`], Cmd: ["/bin/true"] },
        rootfs: {
          type: "layers",
          diff_ids: [
            ...shared.map(({ bytes }) => digestOf(bytes)),
            ...tars.map((tar) => digestOf(tar)),
            ...foreign.map(() => digestOf(foreignTar)),
          ],
        },
        history: [{ created: "1970-01-01T00:00:00Z", created_by: "lading test" }],
      }),
    ),
    algorithm,
  );
  const root = manifest(
    family === "oci" ? mediaTypes.ociManifest : mediaTypes.dockerManifest,
    {
      schemaVersion: 2,
      mediaType: family === "oci" ? mediaTypes.ociManifest : mediaTypes.dockerManifest,
      config: config.descriptor,
      layers: [...[...shared, ...layers].map(({ descriptor }) => descriptor), ...foreign],
      ...(options.subject === undefined ? {} : { subject: descriptorToJson(options.subject) }),
      ...(options.annotations === undefined ? {} : { annotations: options.annotations }),
    },
    algorithm,
  );
  return {
    root: root.descriptor,
    nodes: [...shared, ...layers, config, root],
    ...(foreign.length === 0 ? {} : { absent: foreign }),
  };
}

/** An index over these graphs; platforms come from the images' configs. */
export function index(
  children: readonly Content[],
  options: {
    readonly family?: Family;
    readonly algorithm?: Algorithm;
    readonly annotations?: Readonly<Record<string, string>>;
    readonly subject?: Descriptor;
  } = {},
): Content {
  const { family = "oci", algorithm = "sha256" } = options;
  const mediaType = family === "oci" ? mediaTypes.ociIndex : mediaTypes.dockerManifestList;
  const root = manifest(
    mediaType,
    {
      schemaVersion: 2,
      mediaType,
      manifests: children.map((child) => ({ ...child.root, ...platformOf(child) })),
      ...(options.subject === undefined ? {} : { subject: descriptorToJson(options.subject) }),
      ...(options.annotations === undefined ? {} : { annotations: options.annotations }),
    },
    algorithm,
  );
  const absent = children.flatMap((child) => child.absent ?? []);
  return {
    root: root.descriptor,
    nodes: unique([...children.flatMap(({ nodes }) => nodes), root]),
    ...(absent.length === 0 ? {} : { absent }),
  };
}

function platformOf(content: Content): object {
  const config = content.nodes.find(
    ({ descriptor }) =>
      descriptor.mediaType === mediaTypes.ociConfig || descriptor.mediaType === mediaTypes.dockerConfig,
  );
  if (config === undefined) return {};
  const { os, architecture, variant } = JSON.parse(config.bytes.toString()) as Record<string, string>;
  return { platform: { architecture, os, ...(variant === undefined ? {} : { variant }) } };
}

function unique(nodes: readonly ContentNode[]): readonly ContentNode[] {
  return [...new Map(nodes.map((each) => [`${each.kind} ${each.descriptor.digest}`, each])).values()];
}

/** An artifact in an image manifest with the empty config (image-spec, "Guidelines for Artifact Usage"). */
export function artifact(
  options: {
    readonly seed?: number;
    readonly artifactType?: string;
    readonly subject?: Descriptor;
    readonly annotations?: Readonly<Record<string, string>>;
    readonly blobs?: readonly ContentNode[];
    readonly algorithm?: Algorithm;
  } = {},
): Content {
  const { seed = 1, algorithm = "sha256", artifactType = "application/vnd.example.sbom" } = options;
  const config = node("blob", mediaTypes.ociEmpty, Buffer.from("{}"), algorithm);
  const blobs = options.blobs ?? [blob(500, seed * 77, algorithm)];
  const root = manifest(
    mediaTypes.ociManifest,
    {
      schemaVersion: 2,
      mediaType: mediaTypes.ociManifest,
      artifactType,
      config: config.descriptor,
      layers: blobs.map(({ descriptor }) => descriptor),
      ...(options.subject === undefined ? {} : { subject: descriptorToJson(options.subject) }),
      ...(options.annotations === undefined ? {} : { annotations: options.annotations }),
    },
    algorithm,
  );
  return { root: root.descriptor, nodes: unique([config, ...blobs, root]) };
}

const arm: Platform = { os: "linux", architecture: "arm64" };

/** Every kind of content that stores have to keep, by name. */
export function everyKind(seed = 1): Readonly<Record<ContentKind, Content>> {
  const plain = image({ seed });
  const other = image({ seed: seed + 1, platform: arm });
  return {
    image: plain,
    "image without compression": image({ seed: seed + 2, compression: "none" }),
    "image without layers": image({ seed: seed + 3, layers: 0 }),
    "image with an empty layer": imageWithEmptyLayer(seed + 4),
    index: index([plain, other]),
    "nested index": index([index([plain, other]), image({ seed: seed + 5 })]),
    "docker image": image({ seed: seed + 6, family: "docker" }),
    "docker manifest list": index(
      [
        image({ seed: seed + 7, family: "docker" }),
        image({ seed: seed + 8, family: "docker", platform: arm }),
      ],
      { family: "docker" },
    ),
    "foreign layer": image({ seed: seed + 9, foreign: true }),
    artifact: artifact({ seed: seed + 10 }),
    "artifact with a zero-byte blob": artifact({ seed: seed + 11, blobs: [blob(0)] }),
    "artifact with an absent subject": artifact({
      seed: seed + 12,
      subject: image({ seed: seed + 999 }).root,
    }),
    sha512: image({ seed: seed + 13, algorithm: "sha512" }),
  };
}

export type ContentKind =
  | "image"
  | "image without compression"
  | "image without layers"
  | "image with an empty layer"
  | "index"
  | "nested index"
  | "docker image"
  | "docker manifest list"
  | "foreign layer"
  | "artifact"
  | "artifact with a zero-byte blob"
  | "artifact with an absent subject"
  | "sha512";

/** A layer that changes nothing: only the end of a tar, as `ENV` lines of old builders left them. */
function imageWithEmptyLayer(seed: number): Content {
  const empty = node("blob", mediaTypes.ociLayerGzip, gzipSync(tarEnd));
  const config = node(
    "blob",
    mediaTypes.ociConfig,
    Buffer.from(
      JSON.stringify({
        architecture: "amd64",
        os: "linux",
        config: { Env: [`SEED=${seed}`] },
        rootfs: { type: "layers", diff_ids: [digestOf(tarEnd), digestOf(tarEnd)] },
      }),
    ),
  );
  const root = manifest(
    mediaTypes.ociManifest,
    {
      schemaVersion: 2,
      mediaType: mediaTypes.ociManifest,
      config: config.descriptor,
      layers: [empty.descriptor, empty.descriptor],
    },
    "sha256",
  );
  return { root: root.descriptor, nodes: [empty, config, root] };
}

/** Writes the whole graph, children first, and names its root. */
export async function writeContent(sink: Sink, content: Content, ...names: readonly string[]): Promise<void> {
  for (const each of content.nodes) await sink.write(each, bodyOf(each.bytes));
  for (const name of names) await sink.tag(content.root, name);
}
