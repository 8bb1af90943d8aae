import { LadingError } from "../errors.ts";
import { type HistoryEntry, type ImageConfig, parseConfig } from "../spec/config.ts";
import { type Descriptor, descriptorToJson } from "../spec/descriptor.ts";
import type { Digest } from "../spec/digest.ts";
import { arrayField, asObject, field, has, type JsonObject, parseJson } from "../spec/json.ts";
import { limits } from "../spec/limits.ts";
import { type ImageManifest, parseManifest } from "../spec/manifest.ts";
import { mediaTypes } from "../spec/media-type.ts";
import { type Platform, platformToJson } from "../spec/platform.ts";
import {
  documentFrom,
  historyToJson,
  type ImageDocuments,
  type ImageLayer,
  layerFor,
  sortedMap,
} from "./document.ts";

/** New values by key; `null` takes a key away. */
export type MapEdit = Readonly<Record<string, string | null>>;

/** What to change in how a container starts; `null` takes the field away, what is not named stays. */
export interface ExecutionEdit {
  readonly labels?: MapEdit;
  readonly env?: MapEdit;
  readonly entrypoint?: readonly string[] | null;
  readonly cmd?: readonly string[] | null;
  readonly workingDir?: string | null;
  readonly user?: string | null;
}

export interface AppendedDiffId {
  readonly diffId: Digest;
  /** How the layer came to be; a short default where the image keeps a history. */
  readonly history?: HistoryEntry;
}

export interface ConfigEdit extends ExecutionEdit {
  readonly platform?: Platform;
  /** RFC 3339. */
  readonly created?: string;
  /** In place of all diffIDs. The history goes, unless a new one is given. */
  readonly diffIds?: readonly Digest[];
  /** In place of the whole history. */
  readonly history?: readonly HistoryEntry[];
  /** On top of what is there then. */
  readonly append?: readonly AppendedDiffId[];
}

export interface ManifestEdit {
  readonly config?: Descriptor;
  /** In place of all layers. */
  readonly layers?: readonly Descriptor[];
  /** On top of what is there then. */
  readonly append?: readonly Descriptor[];
  readonly annotations?: MapEdit;
  readonly subject?: Descriptor | null;
}

type Json = Record<string, unknown>;

/**
 * The config with these changes; fields that Lading does not know stay as they are. Changes that change nothing give
 * back the same bytes.
 * @throws LadingError ERR_LADING_DOCUMENT, ERR_LADING_LIMIT, ERR_LADING_UNSUPPORTED for numbers that would not survive
 */
export function editConfig(raw: Uint8Array, edit: ConfigEdit): Uint8Array {
  parseConfig(raw);
  return rewrite(raw, "config", limits.configBytes, (json) => {
    if (edit.created !== undefined) json["created"] = edit.created;
    if (edit.platform !== undefined) {
      for (const key of ["architecture", "os", "os.version", "os.features", "variant"]) delete json[key];
      Object.assign(json, platformToJson(edit.platform));
    }
    editExecution(json, edit);
    editRootfs(json, edit);
  });
}

/**
 * The manifest with these changes; fields that Lading does not know stay as they are. Changes that change nothing give
 * back the same bytes. Layers get the media types of the manifest's own family (OCI or Docker).
 * @throws LadingError as `editConfig`
 */
export function editManifest(raw: Uint8Array, edit: ManifestEdit, expected?: string): Uint8Array {
  const { mediaType } = parseManifest(raw, expected);
  const toJson = (layer: Descriptor): Json => descriptorToJson(layerFor(layer, formatOf(mediaType)));
  return rewrite(raw, "manifest", limits.manifestBytes, (json) => {
    if (edit.config !== undefined) json["config"] = descriptorToJson(edit.config);
    if (edit.layers !== undefined) json["layers"] = edit.layers.map(toJson);
    if (edit.append !== undefined && edit.append.length > 0) {
      json["layers"] = [...list(json, "layers", "manifest"), ...edit.append.map(toJson)];
    }
    if (edit.subject === null) delete json["subject"];
    else if (edit.subject !== undefined) json["subject"] = descriptorToJson(edit.subject);
    if (edit.annotations !== undefined) editMap(json, "annotations", edit.annotations);
  });
}

export interface ImageEdit extends ExecutionEdit {
  readonly platform?: Platform;
  readonly created?: string;
  /** Layers on top. */
  readonly append?: readonly (ImageLayer & { readonly history?: HistoryEntry })[];
  /** Of the manifest. */
  readonly annotations?: MapEdit;
}

/** Both documents of an image with these changes. @throws LadingError as `editConfig` */
export function editImage(
  manifest: ImageManifest,
  config: Pick<ImageConfig, "raw">,
  edit: ImageEdit,
): ImageDocuments {
  const { annotations, append = [], ...rest } = edit;
  const newConfig = documentFrom(manifest.config.mediaType, editConfig(config.raw, { ...rest, append }));
  const isSame = newConfig.descriptor.digest === manifest.config.digest;
  const bytes = editManifest(
    manifest.raw,
    {
      ...(isSame ? {} : { config: { ...withoutData(manifest.config), ...newConfig.descriptor } }),
      append: append.map((layer) => layer.descriptor),
      ...(annotations === undefined ? {} : { annotations }),
    },
    manifest.mediaType,
  );
  return { config: newConfig, manifest: documentFrom(manifest.mediaType, bytes) };
}

function withoutData({ data: _, ...rest }: Descriptor): Descriptor {
  return rest;
}

function formatOf(mediaType: string): "oci" | "docker" {
  return mediaType === mediaTypes.dockerManifest ? "docker" : "oci";
}

function rewrite(raw: Uint8Array, what: string, limit: number, change: (json: Json) => void): Uint8Array {
  const json = asObject(parseJson(raw, what, limit), what) as Json;
  const before = JSON.stringify(json);
  change(json);
  const after = JSON.stringify(json);
  if (after === before) return raw;
  refuseInexactNumbers(raw, what);
  return Buffer.from(after);
}

const token = /"[^"\\]*(?:\\.[^"\\]*)*"|-?[0-9][0-9.eE+-]*/g;

/** Whole numbers beyond 2^53 would come out as others. */
function refuseInexactNumbers(raw: Uint8Array, what: string): void {
  for (const [text] of new TextDecoder().decode(raw).matchAll(token)) {
    if (/^-?[0-9]{16,}$/.test(text) && !Number.isSafeInteger(Number(text))) {
      throw new LadingError("ERR_LADING_UNSUPPORTED", `the ${what} has a number too large to keep: ${text}`);
    }
  }
}

function list(json: JsonObject, key: string, at: string): readonly unknown[] {
  return has(json, key) ? arrayField(json, key, at) : [];
}

function editMap(json: Json, key: string, edit: MapEdit): void {
  const map: Record<string, string> = Object.create(null);
  const old = field(json, key) as Readonly<Record<string, string>> | null | undefined;
  for (const [name, value] of Object.entries(old ?? {})) map[name] = value;
  let changes = 0;
  for (const [name, value] of Object.entries(edit)) {
    if (map[name] === (value ?? undefined)) continue;
    changes++;
    if (value === null) delete map[name];
    else map[name] = value;
  }
  if (changes > 0) json[key] = sortedMap(map);
}

function editExecution(json: Json, edit: ExecutionEdit): void {
  const config = (has(json, "config") ? field(json, "config") : {}) as Json;
  const set = (key: string, value: unknown): void => {
    if (value === null) delete config[key];
    else if (value !== undefined) config[key] = value;
  };
  set("User", edit.user);
  set("Entrypoint", edit.entrypoint);
  set("Cmd", edit.cmd);
  set("WorkingDir", edit.workingDir);
  if (edit.env !== undefined) editEnv(config, edit.env);
  if (edit.labels !== undefined) editMap(config, "Labels", edit.labels);
  if (Object.keys(config).length > 0) json["config"] = config;
}

/** Variables keep their places; new ones go to the end in the order given. */
function editEnv(config: Json, edit: MapEdit): void {
  const nameOf = (entry: string): string => entry.split("=", 1)[0] ?? entry;
  const left = new Map(Object.entries(edit));
  const result: string[] = [];
  const old = list(config, "Env", "config.config") as readonly string[];
  for (const entry of old) {
    const name = nameOf(entry);
    if (!Object.hasOwn(edit, name)) result.push(entry);
    else if (left.has(name)) {
      const value = left.get(name);
      if (typeof value === "string") result.push(`${name}=${value}`);
      left.delete(name);
    }
  }
  for (const [name, value] of left) if (value !== null) result.push(`${name}=${value}`);
  if (result.length > 0 || old.length > 0) config["Env"] = result;
}

function editRootfs(json: Json, edit: ConfigEdit): void {
  const rootfs = (has(json, "rootfs") ? field(json, "rootfs") : { type: "layers" }) as Json;
  const append = edit.append ?? [];
  if (edit.diffIds !== undefined || append.length > 0) {
    const kept = edit.diffIds ?? list(rootfs, "diff_ids", "config.rootfs");
    rootfs["diff_ids"] = [...kept, ...append.map((layer) => layer.diffId)];
    json["rootfs"] = rootfs;
  }
  if (edit.history !== undefined) json["history"] = edit.history.map(historyToJson);
  else if (edit.diffIds !== undefined) delete json["history"];
  if (append.length === 0) return;
  // A history has to tell of every layer: where the image keeps none, one entry would be wrong.
  const history = list(json, "history", "config");
  const isFirst = (rootfs["diff_ids"] as readonly unknown[]).length === append.length;
  if (history.length === 0 && !(isFirst && append.every((layer) => layer.history !== undefined))) return;
  json["history"] = [
    ...history,
    ...append.map((layer) => historyToJson(layer.history ?? { createdBy: "lading", emptyLayer: false })),
  ];
}
