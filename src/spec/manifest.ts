import { LadingError } from "../errors.ts";
import { type Descriptor, readDescriptor } from "./descriptor.ts";
import { quote } from "./digest.ts";
import {
  arrayField,
  asStructure,
  field,
  has,
  type JsonObject,
  optionalString,
  optionalStringMap,
  parseJson,
} from "./json.ts";
import { knownKeys } from "./json-structure.ts";
import { limits } from "./limits.ts";
import { isImageManifestType, isIndexType, mediaTypes } from "./media-type.ts";

interface ManifestBase {
  readonly mediaType: string;
  /** The bytes as they were read: their digest is the manifest's digest. Never re-serialise. */
  readonly raw: Uint8Array;
  readonly artifactType?: string;
  readonly subject?: Descriptor;
  readonly annotations?: Readonly<Record<string, string>>;
}

/** OCI image manifest or Docker schema 2 manifest. */
export interface ImageManifest extends ManifestBase {
  readonly kind: "image";
  readonly config: Descriptor;
  readonly layers: readonly Descriptor[];
}

/** OCI index or Docker manifest list. */
export interface Index extends ManifestBase {
  readonly kind: "index";
  readonly manifests: readonly Descriptor[];
}

/** The OCI artifact manifest that never left the release candidates of image-spec 1.1: read, never written. */
export interface ArtifactManifest extends ManifestBase {
  readonly kind: "artifact";
  readonly blobs: readonly Descriptor[];
}

export type Manifest = ImageManifest | Index | ArtifactManifest;

/** Keys of manifests of every kind: what one kind lists, another must not have. */
export const manifestKeys = knownKeys(
  ...["schemaVersion", "mediaType", "artifactType", "config", "layers", "manifests", "blobs", "subject"],
  ...["annotations", "fsLayers"],
);

function ambiguous(message: string): LadingError {
  return new LadingError("ERR_LADING_DOCUMENT", message, {
    hint: "the document can be read in two ways and is refused (CVE-2021-41190); rebuild it with a correct tool",
  });
}

/**
 * Parses a manifest of any kind from untrusted bytes.
 * @param raw the bytes, already checked against their digest where one was asked for
 * @param expected the media type that the descriptor or the Content-Type gave; a contradiction is refused
 * @throws LadingError ERR_LADING_DOCUMENT (malformed, ambiguous), ERR_LADING_LIMIT, ERR_LADING_UNSUPPORTED (schema 1)
 */
export function parseManifest(raw: Uint8Array, expected?: string): Manifest {
  const object = asStructure(parseJson(raw, "manifest", limits.manifestBytes), manifestKeys, "manifest");
  // Go leaves out empty strings when it writes, and makes them when it reads.
  const stated = optionalString(object, "mediaType", "manifest") || undefined;
  const offered = expected || undefined;
  if (stated !== undefined && offered !== undefined && stated !== offered) {
    throw ambiguous(`the manifest says it is ${quote(stated)} but was offered as ${quote(offered)}`);
  }
  const mediaType = stated ?? offered ?? guessMediaType(object);
  if (
    mediaType === mediaTypes.dockerSchema1 ||
    mediaType === mediaTypes.dockerSchema1Signed ||
    has(object, "fsLayers") ||
    field(object, "schemaVersion") === 1
  ) {
    throw new LadingError("ERR_LADING_UNSUPPORTED", "Docker schema 1 manifests are not supported", {
      hint: "push the image again with a current tool; registries stopped taking schema 1",
    });
  }
  if (has(object, "schemaVersion") && field(object, "schemaVersion") !== 2) {
    throw new LadingError(
      "ERR_LADING_DOCUMENT",
      `manifest.schemaVersion should be 2, not ${quote(field(object, "schemaVersion"))}`,
    );
  }
  const artifactType = optionalString(object, "artifactType", "manifest");
  const annotations = optionalStringMap(object, "annotations", "manifest");
  const base: ManifestBase = {
    mediaType,
    raw,
    ...(artifactType === undefined || artifactType === "" ? {} : { artifactType }),
    ...(has(object, "subject")
      ? { subject: readDescriptor(field(object, "subject"), "manifest.subject") }
      : {}),
    ...(annotations === undefined ? {} : { annotations }),
  };
  if (isIndexType(mediaType)) {
    refuse(object, mediaType, ["config", "layers", "blobs"]);
    return { kind: "index", ...base, manifests: descriptors(object, "manifests") };
  }
  if (isImageManifestType(mediaType)) {
    refuse(object, mediaType, ["manifests", "blobs"]);
    return {
      kind: "image",
      ...base,
      config: readDescriptor(field(object, "config"), "manifest.config"),
      layers: descriptors(object, "layers"),
    };
  }
  if (mediaType === mediaTypes.ociArtifactManifest) {
    refuse(object, mediaType, ["manifests", "config", "layers"]);
    return { kind: "artifact", ...base, blobs: descriptors(object, "blobs") };
  }
  throw new LadingError("ERR_LADING_UNSUPPORTED", `not a manifest that Lading knows: ${quote(mediaType)}`, {
    hint: "supported are OCI manifests, indexes and artifacts, and Docker schema 2 manifests and lists",
  });
}

/** Of a document that says nothing about itself, and nobody else did. */
function guessMediaType(object: JsonObject): string {
  const isSchema1 = has(object, "fsLayers") || field(object, "schemaVersion") === 1;
  if (isSchema1) return mediaTypes.dockerSchema1;
  const [config, layers, manifests] = ["config", "layers", "manifests"].map((key) =>
    Object.hasOwn(object, key),
  );
  if (manifests && !config && !layers) return mediaTypes.ociIndex;
  if (config && layers && !manifests) return mediaTypes.ociManifest;
  throw ambiguous("the manifest names no media type, and its fields fit none");
}

function refuse(object: JsonObject, mediaType: string, keys: readonly string[]): void {
  for (const key of keys) {
    if (has(object, key))
      throw ambiguous(`a manifest of type ${quote(mediaType)} must not have the field ${quote(key)}`);
  }
}

/** None for a list that is absent or null: that is how Go writes and reads an empty one. */
function descriptors(object: JsonObject, key: string): readonly Descriptor[] {
  if (!has(object, key)) return [];
  return arrayField(object, key, "manifest").map((item, i) => readDescriptor(item, `manifest.${key}[${i}]`));
}
