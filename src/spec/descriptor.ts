import { LadingError } from "../errors.ts";
import { type Digest, parseDigest } from "./digest.ts";
import {
  asStructure,
  field,
  type JsonObject,
  optionalString,
  optionalStringMap,
  optionalStrings,
  sizeField,
  stringField,
} from "./json.ts";
import { knownKeys } from "./json-structure.ts";
import { type Platform, platformToJson, readPlatform } from "./platform.ts";

/** What content is, how long, and where (image-spec, "OCI Content Descriptors"). */
export interface Descriptor {
  readonly mediaType: string;
  readonly digest: Digest;
  /** Bytes. */
  readonly size: number;
  readonly urls?: readonly string[];
  readonly annotations?: Readonly<Record<string, string>>;
  /** The content itself in base64; checked against digest and size before it is used. */
  readonly data?: string;
  readonly platform?: Platform;
  readonly artifactType?: string;
}

const keys = knownKeys(
  ...["mediaType", "digest", "size", "urls", "annotations", "data", "platform", "artifactType"],
);

/** @throws LadingError ERR_LADING_DOCUMENT when a field has the wrong shape, or the digest cannot be verified */
export function readDescriptor(value: unknown, at: string): Descriptor {
  const object = asStructure(value, keys, at);
  const urls = optionalStrings(object, "urls", at);
  const annotations = optionalStringMap(object, "annotations", at);
  const data = optionalString(object, "data", at);
  const artifactType = optionalString(object, "artifactType", at);
  const platform = readPlatform(field(object, "platform"), `${at}.platform`);
  return {
    mediaType: stringField(object, "mediaType", at),
    digest: digestField(object, at),
    size: sizeField(object, "size", at),
    ...(urls === undefined ? {} : { urls }),
    ...(annotations === undefined ? {} : { annotations }),
    ...(data === undefined ? {} : { data }),
    ...(platform === undefined ? {} : { platform }),
    ...(artifactType === undefined ? {} : { artifactType }),
  };
}

function digestField(object: JsonObject, at: string): Digest {
  try {
    return parseDigest(field(object, "digest"), `${at}.digest`);
  } catch (error) {
    // In a document a bad digest is the document's fault, not the caller's.
    throw new LadingError("ERR_LADING_DOCUMENT", (error as Error).message, { cause: error });
  }
}

/** The JSON form in the field order that Go's struct gives, for documents that Lading writes. */
export function descriptorToJson(descriptor: Descriptor): Record<string, unknown> {
  return {
    mediaType: descriptor.mediaType,
    digest: descriptor.digest,
    size: descriptor.size,
    ...(descriptor.urls === undefined ? {} : { urls: descriptor.urls }),
    ...(descriptor.annotations === undefined ? {} : { annotations: descriptor.annotations }),
    ...(descriptor.data === undefined ? {} : { data: descriptor.data }),
    ...(descriptor.platform === undefined ? {} : { platform: platformToJson(descriptor.platform) }),
    ...(descriptor.artifactType === undefined ? {} : { artifactType: descriptor.artifactType }),
  };
}
