import { documentFrom, type ImageDocuments, type ImageLayer } from "../../image/document.ts";
import { type GoValue, goJson } from "../../spec/go-json.ts";
import { mediaTypes } from "../../spec/media-type.ts";
import type { Platform } from "../../spec/platform.ts";

/** Go's zero time: the same content has the same digest whenever it was pushed. */
const noTime = "0001-01-01T00:00:00Z";

export interface ImgpkgDocumentsOptions {
  readonly labels?: Readonly<Record<string, string>>;
  /** What the config says it is for. imgpkg says nothing, and that is the default. */
  readonly platform?: Platform;
}

/** Config and manifest of an image with one layer, with the very bytes that imgpkg writes. */
export function imgpkgDocuments(layer: ImageLayer, options: ImgpkgDocumentsOptions = {}): ImageDocuments {
  const { labels = {}, platform } = options;
  const config = documentFrom(
    mediaTypes.dockerConfig,
    Buffer.from(
      goJson({
        architecture: platform?.architecture ?? "",
        created: noTime,
        history: [{ author: "imgpkg", created: noTime, created_by: "imgpkg" }],
        os: platform?.os ?? "",
        rootfs: { type: "layers", diff_ids: [layer.diffId] },
        config: Object.keys(labels).length === 0 ? {} : { Labels: new Map(Object.entries(labels)) },
        ...optionalFields(platform),
      }),
    ),
  );
  const manifest = documentFrom(
    mediaTypes.dockerManifest,
    Buffer.from(
      goJson({
        schemaVersion: 2,
        mediaType: mediaTypes.dockerManifest,
        config: descriptorOf(config),
        layers: [descriptorOf(layer)],
      }),
    ),
  );
  return { config, manifest };
}

function optionalFields(platform: Platform | undefined): Record<string, GoValue> {
  return {
    ...(platform?.osVersion === undefined ? {} : { "os.version": platform.osVersion }),
    ...(platform?.variant === undefined ? {} : { variant: platform.variant }),
    ...(platform?.osFeatures === undefined ? {} : { "os.features": platform.osFeatures }),
  };
}

/** Its fields in the order of Go's structure. */
function descriptorOf({ descriptor }: Pick<ImageLayer, "descriptor">): GoValue {
  const { mediaType, size, digest } = descriptor;
  return { mediaType, size, digest };
}
