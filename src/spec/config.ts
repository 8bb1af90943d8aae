import { LadingError } from "../errors.ts";
import { type Digest, isDigest, quote } from "./digest.ts";
import {
  arrayField,
  asObject,
  asStructure,
  field,
  has,
  type JsonObject,
  optionalString,
  optionalStringMap,
  optionalStrings,
  parseJson,
} from "./json.ts";
import { knownKeys } from "./json-structure.ts";
import { limits } from "./limits.ts";
import { type Platform, platformKeys, readPlatform } from "./platform.ts";

const configKeys = knownKeys("created", "author", "config", "rootfs", "history", ...platformKeys);
const executionKeys = knownKeys(
  ...["User", "ExposedPorts", "Env", "Entrypoint", "Cmd", "Volumes", "WorkingDir", "Labels", "StopSignal"],
);
const rootfsKeys = knownKeys("type", "diff_ids");
const historyKeys = knownKeys("created", "created_by", "author", "comment", "empty_layer");

export interface HistoryEntry {
  readonly created?: string;
  readonly createdBy?: string;
  readonly author?: string;
  readonly comment?: string;
  readonly emptyLayer: boolean;
}

/** How a container of the image starts (image-spec, "Image Configuration", `config`). */
export interface ExecutionConfig {
  readonly user?: string;
  /** Such as `8080/tcp`. */
  readonly exposedPorts?: readonly string[];
  readonly env?: readonly string[];
  readonly entrypoint?: readonly string[];
  readonly cmd?: readonly string[];
  readonly volumes?: readonly string[];
  readonly workingDir?: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly stopSignal?: string;
}

/** An image config as read. `json` is the whole document, for edits that must keep what Lading does not know. */
export interface ImageConfig {
  readonly raw: Uint8Array;
  readonly json: JsonObject;
  readonly platform: Platform | undefined;
  readonly created?: string;
  readonly config: ExecutionConfig;
  /** Digests of the uncompressed layers, lowest first. */
  readonly diffIds: readonly Digest[];
  readonly history: readonly HistoryEntry[];
}

/**
 * Parses an OCI or Docker image config from untrusted bytes.
 * @throws LadingError ERR_LADING_DOCUMENT, ERR_LADING_LIMIT
 */
export function parseConfig(raw: Uint8Array): ImageConfig {
  const json = asStructure(parseJson(raw, "config", limits.configBytes), configKeys, "config");
  const created = optionalString(json, "created", "config");
  return {
    raw,
    json,
    platform: readPlatform(json, "config"),
    ...(created === undefined ? {} : { created }),
    config: has(json, "config")
      ? readExecution(asStructure(field(json, "config"), executionKeys, "config.config"))
      : {},
    diffIds: readDiffIds(json),
    history: has(json, "history") ? arrayField(json, "history", "config").map(readHistory) : [],
  };
}

function readExecution(object: JsonObject): ExecutionConfig {
  const at = "config.config";
  const user = optionalString(object, "User", at);
  const env = optionalStrings(object, "Env", at);
  const entrypoint = optionalCommand(object, "Entrypoint", at);
  const cmd = optionalCommand(object, "Cmd", at);
  const exposedPorts = optionalNames(object, "ExposedPorts", at);
  const volumes = optionalNames(object, "Volumes", at);
  const workingDir = optionalString(object, "WorkingDir", at);
  const labels = optionalStringMap(object, "Labels", at);
  const stopSignal = optionalString(object, "StopSignal", at);
  return {
    ...(user === undefined ? {} : { user }),
    ...(exposedPorts === undefined ? {} : { exposedPorts }),
    ...(env === undefined ? {} : { env }),
    ...(entrypoint === undefined ? {} : { entrypoint }),
    ...(cmd === undefined ? {} : { cmd }),
    ...(volumes === undefined ? {} : { volumes }),
    ...(workingDir === undefined ? {} : { workingDir }),
    ...(labels === undefined ? {} : { labels }),
    ...(stopSignal === undefined ? {} : { stopSignal }),
  };
}

/** Docker reads a lone string as a list of one (its `StrSlice`). */
function optionalCommand(object: JsonObject, key: string, at: string): readonly string[] | undefined {
  const value = field(object, key);
  return typeof value === "string" ? [value] : optionalStrings(object, key, at);
}

/** A Go set: an object whose keys are the members. */
function optionalNames(object: JsonObject, key: string, at: string): readonly string[] | undefined {
  return has(object, key) ? Object.keys(asObject(field(object, key), `${at}.${key}`)) : undefined;
}

function readDiffIds(json: JsonObject): readonly Digest[] {
  if (!has(json, "rootfs")) return [];
  const rootfs = asStructure(field(json, "rootfs"), rootfsKeys, "config.rootfs");
  if (!has(rootfs, "diff_ids")) return [];
  return arrayField(rootfs, "diff_ids", "config.rootfs").map((item, i) => {
    if (isDigest(item)) return item;
    throw new LadingError(
      "ERR_LADING_DOCUMENT",
      `config.rootfs.diff_ids[${i}] is not a digest: ${quote(item)}`,
    );
  });
}

function readHistory(value: unknown, i: number): HistoryEntry {
  const at = `config.history[${i}]`;
  const object = asStructure(value, historyKeys, at);
  const created = optionalString(object, "created", at);
  const createdBy = optionalString(object, "created_by", at);
  const author = optionalString(object, "author", at);
  const comment = optionalString(object, "comment", at);
  return {
    ...(created === undefined ? {} : { created }),
    ...(createdBy === undefined ? {} : { createdBy }),
    ...(author === undefined ? {} : { author }),
    ...(comment === undefined ? {} : { comment }),
    emptyLayer: field(object, "empty_layer") === true,
  };
}
