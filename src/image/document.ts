import { digestOf } from "../bytes/hash.ts";
import { LadingError } from "../errors.ts";
import type { ExecutionConfig, HistoryEntry } from "../spec/config.ts";
import { type Descriptor, descriptorToJson } from "../spec/descriptor.ts";
import type { Digest } from "../spec/digest.ts";
import { mediaTypes } from "../spec/media-type.ts";
import { type Platform, platformToJson } from "../spec/platform.ts";

/** A layer as the manifest (compressed) and as the config (uncompressed) name it. */
export interface ImageLayer {
  readonly descriptor: Descriptor;
  readonly diffId: Digest;
}

/** A document that was just made: its bytes and what they are called. */
export interface Document {
  readonly descriptor: Descriptor;
  readonly bytes: Uint8Array;
}

/** The two documents of an image. Its layers are wherever they are. */
export interface ImageDocuments {
  readonly config: Document;
  readonly manifest: Document;
}

export interface BuildImageOptions {
  /** Lowest first. */
  readonly layers: readonly ImageLayer[];
  readonly platform: Platform;
  readonly config?: ExecutionConfig;
  /** Left out by default. Otherwise as many entries that are not `emptyLayer` as there are layers. */
  readonly history?: readonly HistoryEntry[];
  /** Added to those of `config`. */
  readonly labels?: Readonly<Record<string, string>>;
  /** Of the manifest. */
  readonly annotations?: Readonly<Record<string, string>>;
  readonly artifactType?: string;
  readonly subject?: Descriptor;
  /** RFC 3339. Left out by default: the same content has the same digest at any time. */
  readonly created?: string;
  readonly author?: string;
  /** Whose media types the documents get. Default "oci". */
  readonly format?: "oci" | "docker";
}

/**
 * Makes config and manifest of an image. The same options always give the same bytes: keys stand in the order of the
 * reference implementation's structures, those of maps are sorted.
 * @throws LadingError ERR_LADING_USAGE when history and layers do not fit
 */
export function buildImage(options: BuildImageOptions): ImageDocuments {
  const { layers, history } = options;
  const filled = history?.filter((entry) => !entry.emptyLayer).length;
  if (filled !== undefined && filled !== layers.length) {
    throw new LadingError(
      "ERR_LADING_USAGE",
      `the history tells of ${filled} layers, and the image has ${layers.length}`,
    );
  }
  const isDocker = options.format === "docker";
  const labels = { ...options.config?.labels, ...options.labels };
  const execution = {
    ...options.config,
    ...(Object.keys(labels).length === 0 ? {} : { labels }),
  };
  const config = documentOf(isDocker ? mediaTypes.dockerConfig : mediaTypes.ociConfig, {
    ...(options.created === undefined ? {} : { created: options.created }),
    ...(options.author === undefined ? {} : { author: options.author }),
    ...platformToJson(options.platform),
    config: executionToJson(execution),
    rootfs: { type: "layers", diff_ids: layers.map((layer) => layer.diffId) },
    ...(history === undefined ? {} : { history: history.map(historyToJson) }),
  });
  const mediaType = isDocker ? mediaTypes.dockerManifest : mediaTypes.ociManifest;
  const manifest = documentOf(mediaType, {
    schemaVersion: 2,
    mediaType,
    ...(options.artifactType === undefined ? {} : { artifactType: options.artifactType }),
    config: descriptorToJson(config.descriptor),
    layers: layers.map((layer) => descriptorToJson(layerFor(layer.descriptor, isDocker ? "docker" : "oci"))),
    ...(options.subject === undefined ? {} : { subject: descriptorToJson(options.subject) }),
    ...(options.annotations === undefined ? {} : { annotations: sortedMap(options.annotations) }),
  });
  return { config, manifest };
}

function documentOf(mediaType: string, json: object): Document {
  return documentFrom(mediaType, Buffer.from(JSON.stringify(json)));
}

/** Bytes as a document with its descriptor. */
export function documentFrom(mediaType: string, bytes: Uint8Array): Document {
  return { descriptor: { mediaType, digest: digestOf(bytes), size: bytes.byteLength }, bytes };
}

const layerTypes: readonly (readonly [oci: string, docker: string])[] = [
  [mediaTypes.ociLayer, mediaTypes.dockerLayer],
  [mediaTypes.ociLayerGzip, mediaTypes.dockerLayerGzip],
  [mediaTypes.ociLayerZstd, mediaTypes.dockerLayerZstd],
];

/** The layer under the media type that it has in manifests of this family; unknown types stay. */
export function layerFor(layer: Descriptor, format: "oci" | "docker"): Descriptor {
  const pair = layerTypes.find((types) => types.includes(layer.mediaType));
  return pair === undefined ? layer : { ...layer, mediaType: format === "docker" ? pair[1] : pair[0] };
}

/** The map with its keys in order, `__proto__` included. */
export function sortedMap(map: Readonly<Record<string, string>>): Record<string, string> {
  const result: Record<string, string> = Object.create(null);
  for (const key of Object.keys(map).sort()) result[key] = map[key] ?? "";
  return result;
}

/** As maps from names to nothing, which is how the config lists ports and volumes. */
function nameSet(names: readonly string[]): Record<string, object> {
  const result: Record<string, object> = Object.create(null);
  for (const name of [...names].sort()) result[name] = {};
  return result;
}

function executionToJson(config: ExecutionConfig): Record<string, unknown> {
  const { user, exposedPorts, env, entrypoint, cmd, volumes, workingDir, labels, stopSignal } = config;
  return {
    ...(user === undefined ? {} : { User: user }),
    ...(exposedPorts === undefined ? {} : { ExposedPorts: nameSet(exposedPorts) }),
    ...(env === undefined ? {} : { Env: env }),
    ...(entrypoint === undefined ? {} : { Entrypoint: entrypoint }),
    ...(cmd === undefined ? {} : { Cmd: cmd }),
    ...(volumes === undefined ? {} : { Volumes: nameSet(volumes) }),
    ...(workingDir === undefined ? {} : { WorkingDir: workingDir }),
    ...(labels === undefined ? {} : { Labels: sortedMap(labels) }),
    ...(stopSignal === undefined ? {} : { StopSignal: stopSignal }),
  };
}

export function historyToJson(entry: HistoryEntry): Record<string, unknown> {
  return {
    ...(entry.created === undefined ? {} : { created: entry.created }),
    ...(entry.createdBy === undefined ? {} : { created_by: entry.createdBy }),
    ...(entry.author === undefined ? {} : { author: entry.author }),
    ...(entry.comment === undefined ? {} : { comment: entry.comment }),
    ...(entry.emptyLayer ? { empty_layer: true } : {}),
  };
}
