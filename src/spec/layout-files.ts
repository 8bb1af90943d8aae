import { LadingError } from "../errors.ts";
import { type Descriptor, readDescriptor } from "./descriptor.ts";
import { quote } from "./digest.ts";
import {
  arrayField,
  asObject,
  asStructure,
  field,
  has,
  type JsonObject,
  optionalString,
  parseJson,
  stringField,
} from "./json.ts";
import { knownKeys } from "./json-structure.ts";
import { limits } from "./limits.ts";
import { manifestKeys } from "./manifest.ts";
import { isIndexType, mediaTypes } from "./media-type.ts";

/** Bytes of the file `oci-layout` (image-spec, "Image Layout"). */
export const layoutFile = '{"imageLayoutVersion":"1.0.0"}';

/** Annotation of a descriptor in `index.json` that names it. */
export const refNameAnnotation = "org.opencontainers.image.ref.name";

const layoutKeys = knownKeys("imageLayoutVersion");

/** @throws LadingError ERR_LADING_DOCUMENT when it is no layout of version 1 */
export function checkLayoutFile(bytes: Uint8Array): void {
  const version = stringField(
    asStructure(parseJson(bytes, "oci-layout", 4096), layoutKeys, "oci-layout"),
    "imageLayoutVersion",
    "oci-layout",
  );
  if (!/^1\.\d+\.\d+$/.test(version)) {
    throw new LadingError(
      "ERR_LADING_DOCUMENT",
      `oci-layout has version ${quote(version)}; only 1.x is known`,
    );
  }
}

/** One entry of `index.json`; `json` keeps what other tools wrote beside the fields that Lading reads. */
export interface LayoutEntry {
  readonly descriptor: Descriptor;
  /** The annotation `org.opencontainers.image.ref.name`. */
  readonly name?: string;
  readonly json: JsonObject;
}

export interface LayoutIndex {
  readonly entries: readonly LayoutEntry[];
  /** The whole document, for rewriting it without losing other fields. */
  readonly json: JsonObject;
}

/** @throws LadingError ERR_LADING_DOCUMENT, ERR_LADING_LIMIT */
export function parseLayoutIndex(bytes: Uint8Array): LayoutIndex {
  const document = parseJson(bytes, "index.json", limits.layoutIndexBytes);
  const json = asStructure(document, manifestKeys, "index.json");
  const mediaType = optionalString(json, "mediaType", "index.json");
  if (mediaType !== undefined && mediaType !== "" && !isIndexType(mediaType)) {
    throw new LadingError("ERR_LADING_DOCUMENT", `index.json is no index but ${quote(mediaType)}`);
  }
  for (const key of ["config", "layers", "blobs"]) {
    if (has(json, key))
      throw new LadingError("ERR_LADING_DOCUMENT", `index.json must not have the field "${key}"`);
  }
  const list = has(json, "manifests") ? arrayField(json, "manifests", "index.json") : [];
  const entries = list.map((value, i): LayoutEntry => {
    const at = `index.json.manifests[${i}]`;
    const descriptor = readDescriptor(value, at);
    const name = descriptor.annotations?.[refNameAnnotation];
    return { descriptor, ...(name === undefined ? {} : { name }), json: asObject(value, at) };
  });
  return { entries, json };
}

/** The bytes of an `index.json` with these entries, keeping the document's other fields. */
export function formatLayoutIndex(index: {
  readonly json?: JsonObject;
  readonly entries: readonly JsonObject[];
}): Uint8Array {
  const { schemaVersion: _v, mediaType: _m, manifests: _l, ...others } = index.json ?? {};
  const mediaType = index.json === undefined ? mediaTypes.ociIndex : field(index.json, "mediaType");
  return Buffer.from(
    JSON.stringify({
      schemaVersion: 2,
      ...(mediaType === undefined || mediaType === null ? {} : { mediaType }),
      manifests: index.entries,
      ...others,
    }),
  );
}
